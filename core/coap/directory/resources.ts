/** The directory as CoAP resources: `/rd`, its registrations, the two lookups, simple registration (RFC 9176). */
import type { Clock, Timer } from '../../base/clock.ts';
import { CHANGED, CREATED, DELETED, METHOD_NOT_ALLOWED, NOT_FOUND, code, codeClass } from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import { LOCATION_PATH, textOption } from '../codec/options.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { CoapServer } from '../server/coap-server.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../server/resource.ts';
import { badRequest, linkAnswer, parametersOf, refused } from './answers.ts';
import type { Directory } from './directory.ts';
import type { Outcome } from './limits.ts';
import { SimpleRegistration } from './simple-registration.ts';
import type { LinkFetcher } from './simple-registration.ts';

const UNSUPPORTED_FORMAT = code(4, 15);

const DIRECTORY_PATH = 'rd';
const ENDPOINTS_PATH = 'rd-lookup/ep';
const RESOURCES_PATH = 'rd-lookup/res';
const SIMPLE_PATH = '.well-known/rd';
const NOTICE_MS = 1_000;

/**
 * Lets others use the directory. `fetchLinks` reads the links of a device that registers in the simple way; `kept`
 * resolves when all that was registered so far outlives a crash, and is waited for before it is confirmed. Returns
 * what takes the resources away again; the directory itself stays as it is.
 */
export function mountDirectory(
  server: Pick<CoapServer, 'add' | 'changed'>,
  directory: Directory,
  parts: { clock: Clock; fetchLinks: LinkFetcher; kept?: () => Promise<void> },
): () => void {
  const simple = new SimpleRegistration(directory, parts);
  const notices = new Notices(parts.clock, () => {
    server.changed(ENDPOINTS_PATH);
    server.changed(RESOURCES_PATH);
  });
  const undo = [
    server.add(DIRECTORY_PATH, onceKept(registrations(directory), parts.kept), { subtree: true }),
    server.add(
      ENDPOINTS_PATH,
      lookup('ep', (request) => directory.lookupEndpoints(request.query, request)),
    ),
    server.add(
      RESOURCES_PATH,
      lookup('res', (request) => directory.lookupResources(request.query, request)),
    ),
    server.add(SIMPLE_PATH, { methods: ['POST'], handle: (request) => simple.handle(request) }),
    directory.changed.on(({ visible }) => {
      if (visible) notices.due();
    }),
  ];
  return () => {
    for (const one of undo.splice(0)) one();
    notices.stop();
    simple.stop();
  };
}

/** Tells at once, and then at most once a `NOTICE_MS`: every observer's lookup is made anew each time. */
class Notices {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #pause: Timer | undefined;
  #pending = false;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  due(): void {
    this.#pending = true;
    if (this.#pause === undefined) this.#run();
  }

  stop(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
  }

  #run(): void {
    this.#pause = undefined;
    if (!this.#pending) return;
    this.#pending = false;
    this.#pause = this.#clock.after(NOTICE_MS, () => this.#run());
    this.#tell();
  }
}

function registrations(directory: Directory): Resource {
  return {
    methods: ['GET', 'POST', 'DELETE'],
    links: () => [listed('/rd', 'core.rd')],
    handle(request) {
      if (request.path.length === 1) {
        return request.method === 'POST' ? register(directory, request) : { code: METHOD_NOT_ALLOWED };
      }
      const location = `/${request.path.join('/')}`;
      if (request.method === 'POST') return update(directory, location, request);
      if (request.method === 'DELETE') {
        const outcome = directory.deregister(location, request);
        return outcome.ok ? { code: DELETED } : refused(outcome);
      }
      // The links as they were registered: §5.3.3 leaves open that this can be asked.
      const registration = directory.get(location);
      return registration === undefined ? { code: NOT_FOUND } : linkAnswer(request, registration.links);
    },
  };
}

/** What was changed is confirmed when it is kept; what was refused at once. */
function onceKept(resource: Resource, kept: (() => Promise<void>) | undefined): Resource {
  if (kept === undefined) return resource;
  return {
    ...resource,
    async handle(request) {
      const answer = await resource.handle(request);
      if (request.method !== 'GET' && codeClass(answer.code) === 2) await kept();
      return answer;
    },
  };
}

function register(directory: Directory, request: ServedRequest): ServedAnswer {
  const read = parametersOf(request);
  if ('answer' in read) return read.answer;
  // Some devices leave the format out; nothing else than links makes sense here.
  if (request.contentFormat !== null && request.contentFormat !== LINK_FORMAT) {
    return { code: UNSUPPORTED_FORMAT };
  }
  const text = utf8(request.payload);
  if (text === undefined) return badRequest('the links are not UTF-8');
  const outcome = directory.register(read.parameters, text, request);
  if (!outcome.ok) return refused(outcome);
  const segments = outcome.value.location.slice(1).split('/');
  return { code: CREATED, options: segments.map((segment) => textOption(LOCATION_PATH, segment)) };
}

function update(directory: Directory, location: string, request: ServedRequest): ServedAnswer {
  const read = parametersOf(request);
  if ('answer' in read) return read.answer;
  if (request.payload.length > 0)
    return badRequest('an update has no payload; register again to change links');
  const outcome = directory.update(location, read.parameters, request);
  return outcome.ok ? { code: CHANGED } : refused(outcome);
}

function lookup(kind: 'ep' | 'res', find: (request: ServedRequest) => Outcome<ParsedLink[]>): Resource {
  return {
    methods: ['GET'],
    observable: true,
    links: () => [listed(`/rd-lookup/${kind}`, `core.rd-lookup-${kind}`, ['obs', ''])],
    handle(request) {
      const outcome = find(request);
      return outcome.ok ? linkAnswer(request, outcome.value) : refused(outcome);
    },
  };
}

function listed(target: string, type: string, ...more: [string, string][]): ParsedLink {
  return { target, attributes: [['rt', type], ['ct', String(LINK_FORMAT)], ...more] };
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
