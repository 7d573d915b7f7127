import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';
import { CodedError, messageOf } from '../../base/errors.ts';
import type { Broker } from '../broker.ts';
import type { PeerCertificate } from '../origin.ts';
import { Acceptor } from './acceptor.ts';
import { hostPort } from './listen-error.ts';
import { peerCertificate } from './peer-certificate.ts';
import { RareLog } from './rare-log.ts';
import { serveStream } from './socket-sink.ts';
import { tlsReason } from './tls-reason.ts';
import type { SecureListener, SecureOptions, ServerCredentials } from './transport-listener.ts';

const MIN_VERSION = 'TLSv1.2';
/** Less than newcomers have in all, so that the reason is known. */
const HANDSHAKE_TIMEOUT_MS = 8_000;

/** `raw` carries `socket`; `certificate` is the client's, verified. */
type Secured = (raw: Socket, socket: TLSSocket, certificate: PeerCertificate | null) => void;

/**
 * MQTT over TLS 1.2 and later. Fails with `listen.port_taken`, `.not_allowed`, `.bad_address`, `.failed` or
 * `.bad_certificate`.
 */
export async function listenTls(broker: Broker, options: SecureOptions): Promise<SecureListener> {
  const acceptor = new TlsAcceptor(broker, options, (raw, socket, certificate) =>
    serveStream(acceptor, raw, socket, certificate),
  );
  await acceptor.listen();
  return acceptor;
}

/** TLS with something on top of it: MQTT itself, or WebSocket. */
export class TlsAcceptor extends Acceptor implements SecureListener {
  readonly #tls: Server;
  readonly #secured: Secured;
  readonly #required: boolean;
  readonly #rare: RareLog;
  /** Sockets in their handshake, by the peer's address: TLS does not tell on which socket it runs. */
  readonly #raws = new Map<string, Socket>();

  constructor(broker: Broker, options: SecureOptions, secured: Secured) {
    super(broker, options, (raw) => this.#shakeHands(raw));
    this.#secured = secured;
    this.#required = options.clientCertificates === 'required';
    this.#rare = new RareLog(this.log, this.clock);
    // It never listens itself: sockets are counted and bounded before they cost a handshake.
    this.#tls = createServer({
      ...checked(options.credentials),
      requestCert: options.clientCertificates !== 'none',
      rejectUnauthorized: this.#required,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#tls.on('tlsClientError', (error, socket) => this.#fail(socket, error));
    this.#tls.on('secureConnection', (socket) => this.#begin(socket));
  }

  setCredentials(credentials: ServerCredentials): void {
    this.#tls.setSecureContext(checked(credentials));
  }

  #shakeHands(raw: Socket): void {
    const peer = peerOf(raw);
    this.#raws.set(peer, raw);
    raw.once('close', () => {
      if (this.#raws.get(peer) === raw) this.#raws.delete(peer);
    });
    this.#tls.emit('connection', raw);
  }

  #begin(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    const raw = this.#raws.get(peerOf(socket));
    this.#raws.delete(peerOf(socket));
    if (raw === undefined) {
      socket.destroy(); // gone in the meantime
      return;
    }
    const certificate = peerCertificate(socket);
    // A resumed session remembers that the certificate was good, not until when.
    const expired = certificate !== null && certificate.validToMs < this.clock.now();
    if (expired && this.#required) {
      this.#fail(
        socket,
        Object.assign(new Error('the certificate has expired'), { code: 'CERT_HAS_EXPIRED' }),
      );
      socket.destroy();
    } else this.#secured(raw, socket, expired ? null : certificate);
  }

  #fail(socket: TLSSocket, error: Error): void {
    this.counters.handshakesFailed++;
    // Node keeps OpenSSL's code here as a string, whatever its types say.
    const verifyCode: unknown = socket.authorizationError;
    const reason = tlsReason(error, typeof verifyCode === 'string' ? verifyCode : null);
    // Where its certificate is refused, Node has closed the socket already, and it knows no address any more.
    const address = socket.remoteAddress === undefined ? 'unknown' : peerOf(socket);
    this.#rare.warn('a TLS client was turned away', reason, address);
  }
}

function peerOf({ remoteAddress = '?', remotePort = 0 }: Socket): string {
  return hostPort(remoteAddress, remotePort);
}

/** An empty list of authorities trusts nobody; without one, Node would trust every public authority's clients. */
function checked({ certificate, key, authorities }: ServerCredentials) {
  const context = { cert: certificate, key, ca: authorities, minVersion: MIN_VERSION } as const;
  try {
    createSecureContext(context);
  } catch (error) {
    throw new CodedError(
      'listen.bad_certificate',
      `The server certificate or its key cannot be used: ${messageOf(error)}. Choose another certificate.`,
      { cause: error },
    );
  }
  return context;
}
