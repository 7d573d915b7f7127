/** A connection driven by hand: what the asking side does over reliable transports, without any transport. */
import type { PeerAddress } from '../../core/coap/address.ts';
import type {
  Carrier,
  CarrierSource,
  CoapTransport,
  Outgoing,
  Sending,
  SendingWatcher,
} from '../../core/coap/carrier.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { NON } from '../../core/coap/codec/codes.ts';
import { coapError } from '../../core/coap/errors.ts';
import { tokenKey } from '../../core/coap/messages/peer.ts';
import type { TokenOwner } from '../../core/coap/messages/peer.ts';
import type { CoapUri } from '../../core/coap/uri.ts';

export class HandConnection implements Carrier {
  readonly transport: CoapTransport = 'tcp';
  readonly reliable = true;
  readonly address: PeerAddress;
  maxMessageBytes = 1_152;
  largestSzx = 6;
  closed = false;
  readonly sent: Outgoing[] = [];
  /** Called for each message, in a microtask. */
  answer: ((message: Outgoing, index: number) => void) | undefined;
  readonly #owners = new Map<string, TokenOwner>();
  #lastToken = 0;

  constructor(address: PeerAddress) {
    this.address = address;
  }

  get owned(): number {
    return this.#owners.size;
  }

  freshToken(): Uint8Array {
    return Uint8Array.of(0xc0, ++this.#lastToken);
  }

  own(token: Uint8Array, owner: TokenOwner): void {
    this.#owners.set(tokenKey(token), owner);
  }

  disown(token: Uint8Array, owner: TokenOwner): void {
    if (this.#owners.get(tokenKey(token)) === owner) this.#owners.delete(tokenKey(token));
  }

  send(message: Outgoing, watcher: SendingWatcher): Sending {
    this.sendUnawaited(message);
    const sending = {
      state: 'sent' as Sending['state'],
      firstSentMs: 0,
      retransmissions: 0,
      release: () => (sending.state = 'done'),
    };
    queueMicrotask(() => watcher.sent?.());
    return sending;
  }

  sendUnawaited(message: Outgoing): void {
    if (this.closed) throw coapError('coap.closed', 'closed');
    const index = this.sent.push(message) - 1;
    queueMicrotask(() => this.answer?.(message, index));
  }

  /** Something comes in with that token. */
  deliver(token: Uint8Array, message: Pick<CoapMessage, 'code'> & Partial<CoapMessage>): void {
    const none = { type: NON, messageId: 0, options: [], payload: new Uint8Array(0) };
    this.#owners.get(tokenKey(token))?.onResponse({ ...none, token, ...message }, undefined);
  }

  close(): void {
    this.closed = true;
    const owners = [...this.#owners.values()];
    this.#owners.clear();
    for (const owner of owners) owner.onBrokenResponse(coapError('coap.closed', 'The connection ended.'));
  }

  ping(): Promise<{ rttMs: number }> {
    return Promise.resolve({ rttMs: 1 });
  }
}

/** Opens a new connection whenever the last one is closed. */
export class HandConnector implements CarrierSource {
  readonly reached: string[] = [];
  readonly connections: HandConnection[] = [];
  /** Called for each connection before anybody has it. */
  opened: ((connection: HandConnection) => void) | undefined;
  refuse: Error | undefined;
  readonly #at: PeerAddress;

  constructor(at: PeerAddress) {
    this.#at = at;
  }

  get last(): HandConnection {
    return this.connections.at(-1)!;
  }

  reach(uri: CoapUri): Promise<Carrier> {
    this.reached.push(uri.uri);
    if (this.refuse !== undefined) return Promise.reject(this.refuse);
    const known = this.connections.at(-1);
    if (known !== undefined && !known.closed) return Promise.resolve(known);
    const connection = new HandConnection(this.#at);
    this.connections.push(connection);
    this.opened?.(connection);
    return Promise.resolve(connection);
  }
}
