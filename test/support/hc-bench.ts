/** A gateway whose proxy leads to a CoAP side that the test plays. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { CodedError } from '../../core/base/errors.ts';
import { CONTENT_FORMAT, uintOption } from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import type { ProxiedAnswer, ProxiedHandlers } from '../../core/coap/proxy/types.ts';
import type { ProxiedObservation, ProxiedRequest } from '../../core/coap/proxy/types.ts';
import type { CoapUri } from '../../core/coap/uri.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import type { HcCount, HcProxy } from '../../core/gateway/hc/types.ts';
import { GatewayBench } from './gateway-bench.ts';

export interface Asked {
  target: CoapUri;
  request: ProxiedRequest;
  signal: AbortSignal;
}

export function coapAnswer(
  code: string,
  payload: string | Uint8Array = '',
  ...options: CoapOption[]
): ProxiedAnswer {
  return {
    codeNumber: (Number(code[0]) << 5) | Number(code.slice(2)),
    options,
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
    peer: { address: '10.0.0.7' },
  };
}

export const asText = uintOption(CONTENT_FORMAT, 0);

export class PlayedObservation implements ProxiedObservation {
  state: ProxiedObservation['state'] = 'starting';
  problem: string | null = null;
  problemCode: string | null = null;
  cancelled = 0;
  readonly handlers: ProxiedHandlers;

  constructor(handlers: ProxiedHandlers) {
    this.handlers = handlers;
  }

  become(
    state: ProxiedObservation['state'],
    problem: string | null = null,
    code: string | null = null,
  ): void {
    this.state = state;
    this.problem = problem;
    this.problemCode = code;
    this.handlers.state(this);
  }

  cancel(): Promise<void> {
    this.cancelled++;
    return Promise.resolve();
  }
}

export class PlayedProxy implements HcProxy {
  enabled = true;
  readonly counts: Record<HcCount, number> = { requests: 0, unauthorized: 0, refused: 0, failed: 0 };
  streams = 0;
  readonly asked: Asked[] = [];
  readonly observations: PlayedObservation[] = [];
  respond: (asked: Asked) => Promise<ProxiedAnswer> | ProxiedAnswer = () => coapAnswer('2.05', 'ok', asText);
  /** Thrown by `observe`. */
  refusal: CodedError | undefined;
  onAsked: () => void = () => undefined;

  count(what: HcCount): void {
    this.counts[what]++;
  }

  streaming(change: 1 | -1): void {
    this.streams += change;
    this.onAsked();
  }

  request(target: CoapUri, request: ProxiedRequest, signal: AbortSignal): Promise<ProxiedAnswer> {
    const asked = { target, request, signal };
    this.asked.push(asked);
    this.onAsked();
    return Promise.resolve().then(() => this.respond(asked));
  }

  observe(
    _target: CoapUri,
    _accept: number | undefined,
    handlers: ProxiedHandlers,
  ): Promise<ProxiedObservation> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    const observation = new PlayedObservation(handlers);
    this.observations.push(observation);
    queueMicrotask(() => this.onAsked());
    return Promise.resolve(observation);
  }

  /** Until `wanted`, looked at whenever something happens here. */
  until(wanted: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onAsked = () => {
        if (wanted()) resolve();
      };
      this.onAsked();
    });
  }
}

export class HcBench extends GatewayBench {
  readonly proxy = new PlayedProxy();

  override async listen(port: number, allowedNames: string[] = []): Promise<void> {
    const { host: rpcHost, access, log, clock, consoleFolder, proxy } = this;
    const gateway = createGateway({ rpcHost, access, log, clock, consoleFolder, allowedNames, proxy });
    this.gateway = await gateway.listen({ host: '127.0.0.1', port });
  }

  bearer(role: 'view' | 'operate' | 'admin'): { authorization: string } {
    return { authorization: `Bearer ${this.access.tokenOf(role)}` };
  }

  /** A connection that is written to by hand. */
  raw(head: string): RawClient {
    return new RawClient(connect(this.gateway.port, '127.0.0.1'), head);
  }
}

export class RawClient {
  readonly socket: Socket;
  text = '';
  readonly closed: Promise<void>;
  #onText: () => void = () => undefined;

  constructor(socket: Socket, head: string) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.#onText();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.write(head);
  }

  /** Until all that came so far matches. Fails when the connection ends without it. */
  until(wanted: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (!wanted.test(this.text)) return false;
        resolve(this.text);
        return true;
      };
      this.#onText = () => void look();
      if (!look()) void this.closed.then(() => look() || reject(new Error(`closed after: ${this.text}`)));
    });
  }
}
