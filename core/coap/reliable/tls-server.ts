import type { Socket } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import { coapError } from '../errors.ts';
import type { Acceptor } from './acceptor.ts';

/** PEM texts. */
export interface ServerTls {
  /** The server's certificate first, then those that lead up to its authority. */
  cert: string;
  key: string;
  /** Authorities whose client certificates are accepted. Without any, nobody's are. */
  ca?: string[];
  /** Clients without an accepted certificate are turned away. */
  requestCert?: boolean;
}

/** TLS 1.2 and later on sockets that the acceptor has counted before they cost a handshake. */
export class TlsServer {
  readonly #server: Server;
  /** Sockets in their handshake, by the peer's address: TLS does not tell on which socket it runs. */
  readonly #raws = new Map<string, Socket>();

  /** `protocol` is said by ALPN (RFC 8323 §8.2). Throws `listen.bad_certificate`. */
  constructor(
    acceptor: Acceptor,
    tls: ServerTls,
    protocol: string,
    secured: (raw: Socket, socket: TLSSocket, identity: string | null) => void,
  ) {
    const requestCert = tls.requestCert === true;
    this.#server = createServer({
      ...checked(tls),
      requestCert,
      rejectUnauthorized: requestCert,
      // A client that says no protocol is welcome; one that says only others is told (RFC 7301 §3.2).
      ALPNProtocols: [protocol],
      // Less than newcomers have in all, so that the reason is known.
      handshakeTimeout: Math.max(100, acceptor.context.limits.newcomerTimeoutMs - 1_000),
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException) =>
      acceptor.seldom.warn('a TLS client was turned away', { reason: error.code ?? error.message }),
    );
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      const raw = this.#raws.get(peerOf(socket));
      if (raw === undefined) socket.destroy();
      else secured(raw, socket, identityOf(socket));
    });
  }

  /** Handshakes from here on use it; connections that are open stay. Throws `listen.bad_certificate`. */
  set(tls: ServerTls): void {
    this.#server.setSecureContext(checked(tls));
  }

  take(raw: Socket): void {
    const peer = peerOf(raw);
    this.#raws.set(peer, raw);
    raw.once('close', () => {
      if (this.#raws.get(peer) === raw) this.#raws.delete(peer);
    });
    this.#server.emit('connection', raw);
  }
}

function peerOf({ remoteAddress = '?', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** The common name of a verified client certificate, or its SHA-256 fingerprint. */
function identityOf(socket: TLSSocket): string | null {
  if (!socket.authorized) return null;
  const { subject, fingerprint256 } = socket.getPeerCertificate();
  // A subject may have several common names, and then it is an array: nobody knows which one is meant.
  const commonName: unknown = subject?.CN;
  if (typeof commonName === 'string' && commonName !== '') return commonName;
  return fingerprint256?.replaceAll(':', '').toLowerCase() ?? null;
}

function checked({ cert, key, ca }: ServerTls) {
  // An empty list of authorities trusts nobody; without one, Node would trust every public authority's clients.
  const context = { cert, key, ca: ca ?? [], minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(context);
  } catch (error) {
    throw coapError(
      'listen.bad_certificate',
      `The server certificate or its key cannot be used: ${messageOf(error)}. Choose another certificate.`,
      undefined,
      error,
    );
  }
  return context;
}
