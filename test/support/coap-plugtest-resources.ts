/**
 * The resources of the plugtests, in our own words: `/test`, `/separate`, `/seg1/seg2/seg3`, `/query`,
 * `/location-query`, `/multi-format`, `/validate`, `/create1`... (CORE), `/large...` (BLOCK), `/obs...` (OBS), links
 * with rt, if, sz and ct (LINK).
 */
import {
  CHANGED,
  CONTENT,
  CREATED,
  DELETED,
  NOT_ACCEPTABLE,
  NOT_FOUND,
} from '../../core/coap/codec/codes.ts';
import type { Method } from '../../core/coap/codec/codes.ts';
import { LINK_FORMAT } from '../../core/coap/codec/content-formats.ts';
import { LOCATION_PATH, LOCATION_QUERY, textOption } from '../../core/coap/codec/options.ts';
import type { CoapServer } from '../../core/coap/server/coap-server.ts';
import { failedPrecondition } from '../../core/coap/server/precondition.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../../core/coap/server/resource.ts';

export const TEXT = 0;
export const XML = 41;
export const LARGE_BYTES = 2_500;
const SEPARATE_MS = 150;

export interface Stored {
  payload: Buffer;
  contentFormat: number;
}

const text = (payload: string, more: Partial<ServedAnswer> = {}): ServedAnswer => ({
  code: CONTENT,
  payload: Buffer.from(payload),
  contentFormat: TEXT,
  ...more,
});

/** Bytes that tell where they are. */
export function largeBody(bytes: number): Buffer {
  return Buffer.from(
    Array.from({ length: Math.ceil(bytes / 8) }, (_, i) => `${String(i).padStart(7, '0')}\n`)
      .join('')
      .slice(0, bytes),
  );
}

export class PlugtestResources {
  /** What clients have written, by path. */
  readonly stored = new Map<string, Stored>();
  /** Requests in the order of coming: method, path, body. */
  readonly asked: { method: Method; path: string; payload: string }[] = [];
  /** What the observable resources say now; set by `change`. */
  state = 0;
  /** `/separate` takes so long: longer than the empty ACK is held back. */
  separateMs = SEPARATE_MS;
  /** Content-Format of `/obs`. */
  observedFormat = TEXT;
  readonly #server: CoapServer;
  readonly #etags = new Map<string, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #removeObs: () => void = () => undefined;

  constructor(server: CoapServer) {
    this.#server = server;
    this.#addCore();
    this.#addLarge();
    this.#addLinks();
    this.offerObs();
    for (const [path, confirmable] of [
      ['obs-non', false],
      ['obs-pumping', true],
      ['obs-pumping-non', false],
    ] as const) {
      this.#observable(path, confirmable, () => {
        const pumped = path === 'obs-non' || this.state % 2 === 0 ? '' : largeBody(LARGE_BYTES).toString();
        return text(`${path} ${this.state}\n${pumped}`.trim(), { maxAgeSeconds: 30 });
      });
    }
    this.#observable('obs-large', true, () => text(`${this.state}\n${largeBody(LARGE_BYTES).toString()}`));
    this.reset();
  }

  /** As at the beginning, except for `/obs`. */
  reset(): void {
    this.asked.length = 0;
    this.separateMs = SEPARATE_MS;
    this.stored.clear();
    this.stored.set('test', { payload: Buffer.from('the test resource'), contentFormat: TEXT });
    this.stored.set('validate', { payload: Buffer.from('version 1'), contentFormat: TEXT });
    this.stored.set('large-update', { payload: largeBody(LARGE_BYTES), contentFormat: TEXT });
    this.#etags.clear();
  }

  /** The next state of the observable resources; those at `paths` tell it. */
  change(...paths: string[]): void {
    this.state++;
    for (const path of paths) this.#server.changed(path);
  }

  /** `/obs` is there (again). */
  offerObs(): void {
    this.#removeObs = this.#observable(
      'obs',
      true,
      () => text(`obs ${this.state}`, { contentFormat: this.observedFormat, maxAgeSeconds: 30 }),
      () => {
        this.removeObs();
        return { code: DELETED };
      },
      (payload, contentFormat) => {
        // Another format is another representation than the one observed (RFC 7641 §4.2).
        this.observedFormat = contentFormat ?? TEXT;
        this.state = Number(payload.toString()) || this.state + 1;
        this.#server.changed('obs');
        return { code: CHANGED };
      },
    );
  }

  removeObs(): void {
    this.#removeObs();
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #add(
    path: string,
    methods: Method[],
    handle: Resource['handle'],
    more: Partial<Resource> = {},
  ): () => void {
    return this.#server.add(path, {
      methods,
      ...more,
      handle: (request) => {
        this.asked.push({
          method: request.method,
          path: request.path.join('/'),
          payload: Buffer.from(request.payload).toString(),
        });
        return handle(request);
      },
    });
  }

  #addCore(): void {
    const stored = (path: string, more: Partial<Resource> = {}, extra: Method[] = []): void => {
      this.#add(path, ['GET', 'PUT', 'DELETE', ...extra], (request) => this.#store(path, request), {
        preconditions: true,
        ...more,
      });
    };
    stored('test', { links: () => [{ target: '/test', attributes: [['ct', '0']] }] }, ['POST']);
    stored('validate');
    for (const path of ['create1', 'create2', 'create3']) stored(path, {}, ['POST']);
    stored('location1/location2/location3');
    this.#add('seg1/seg2/seg3', ['GET'], () => text('three segments'));
    this.#add('query', ['GET'], ({ query }) => text(query.join(' ')));
    this.#add('separate', ['GET'], () => this.#later(text('it took a while'), this.separateMs));
    this.#add('location-query', ['POST'], () => ({
      code: CREATED,
      options: [textOption(LOCATION_QUERY, 'first=1'), textOption(LOCATION_QUERY, 'second=2')],
    }));
    this.#add('multi-format', ['GET'], ({ accept }) => {
      if (accept === XML)
        return { code: CONTENT, contentFormat: XML, payload: Buffer.from('<format>xml</format>') };
      if (accept === null || accept === TEXT) return text('format text');
      return { code: NOT_ACCEPTABLE };
    });
  }

  #store(path: string, { method, payload, contentFormat, options }: ServedRequest): ServedAnswer {
    const there = this.stored.get(path);
    const version = this.#etags.get(path) ?? 1;
    if (method === 'GET') {
      if (there === undefined) return { code: NOT_FOUND };
      return {
        code: CONTENT,
        payload: there.payload,
        contentFormat: there.contentFormat,
        etag: etag(version),
        ...(path === 'validate' ? { maxAgeSeconds: 30 } : {}),
      };
    }
    const failed = failedPrecondition(options, there === undefined ? null : etag(version));
    if (failed !== undefined) return failed;
    this.#etags.set(path, version + 1);
    if (method === 'DELETE') {
      this.stored.delete(path);
      return { code: DELETED };
    }
    const kept = { payload: Buffer.from(payload), contentFormat: contentFormat ?? TEXT };
    if (method === 'POST') {
      const segments = ['location1', 'location2', 'location3'];
      const isNew = !this.stored.has(segments.join('/'));
      this.stored.set(segments.join('/'), kept);
      if (!isNew) return { code: CHANGED };
      return { code: CREATED, options: segments.map((segment) => textOption(LOCATION_PATH, segment)) };
    }
    this.stored.set(path, kept);
    return { code: there === undefined ? CREATED : CHANGED };
  }

  #addLarge(): void {
    this.#add('large', ['GET'], () => text(largeBody(LARGE_BYTES).toString()), {
      links: () => [
        { target: '/large', attributes: [['rt', 'block'], ['sz', String(LARGE_BYTES)], ['ct', '0']] },
      ],
    }); // prettier-ignore
    this.#add('large-update', ['GET', 'PUT'], (request) => this.#store('large-update', request));
    this.#add('large-create', ['POST'], ({ payload, contentFormat }) => {
      const kept = { payload: Buffer.from(payload), contentFormat: contentFormat ?? TEXT };
      this.stored.set('large-create/1', kept);
      const location = [textOption(LOCATION_PATH, 'large-create'), textOption(LOCATION_PATH, '1')];
      return { code: CREATED, options: location };
    });
    this.#add('large-create/1', ['GET', 'DELETE'], (request) => this.#store('large-create/1', request));
    this.#add('large-post', ['POST'], ({ payload }) => ({
      code: CHANGED,
      contentFormat: TEXT,
      payload: Buffer.from(Buffer.from(payload).toString().toUpperCase()),
    }));
  }

  #observable(
    path: string,
    confirmable: boolean,
    get: () => ServedAnswer,
    remove?: () => ServedAnswer,
    put?: (payload: Buffer, contentFormat: number | null) => ServedAnswer,
  ): () => void {
    const methods: Method[] = ['GET'];
    if (remove !== undefined) methods.push('DELETE');
    if (put !== undefined) methods.push('PUT');
    return this.#add(
      path,
      methods,
      ({ method, payload, contentFormat }) => {
        if (method === 'DELETE' && remove !== undefined) return remove();
        if (method === 'PUT' && put !== undefined) return put(Buffer.from(payload), contentFormat);
        return get();
      },
      {
        observable: true,
        confirmable,
        links: () => [{ target: `/${path}`, attributes: [['rt', 'observe'], ['obs', '']] }], // prettier-ignore
      },
    );
  }

  #addLinks(): void {
    const typed: [path: string, attributes: [string, string][]][] = [
      ['link1', [['rt', 'Type1 Type2'], ['if', 'If1']]],
      ['link2', [['rt', 'Type2 Type3'], ['if', 'If2']]],
      ['link3', [['rt', 'Type1 Type3'], ['if', 'foo']]],
      ['untyped', [['ct', '0']]],
    ]; // prettier-ignore
    for (const [path, attributes] of typed) {
      this.#add(path, ['GET'], () => text(path), { links: () => [{ target: `/${path}`, attributes }] });
    }
    const subs = ['sub1', 'sub2', 'sub3'];
    this.#add(
      'path',
      ['GET'],
      () => ({
        code: CONTENT,
        contentFormat: LINK_FORMAT,
        payload: Buffer.from(subs.map((sub) => `</path/${sub}>`).join(',')),
      }),
      { links: () => [{ target: '/path', attributes: [['ct', String(LINK_FORMAT)]] }] },
    );
    for (const sub of subs) this.#add(`path/${sub}`, ['GET'], () => text(`/path/${sub}`));
  }

  #later(answer: ServedAnswer, delayMs: number): Promise<ServedAnswer> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve(answer);
      }, delayMs);
      this.#timers.add(timer);
    });
  }
}

function etag(version: number): Buffer {
  return Buffer.from([0xe0, version]);
}
