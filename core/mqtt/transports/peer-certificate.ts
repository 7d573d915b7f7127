import type { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../origin.ts';

/** The client's certificate when it has one that was verified up to an authority of the listener, else null. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  if (!socket.authorized) return null;
  const { subject, fingerprint256, valid_to } = socket.getPeerCertificate();
  if (fingerprint256 === undefined) return null;
  // A subject may have several common names, and then it is an array: nobody knows which one is meant.
  const commonName: unknown = subject?.CN;
  return {
    commonName: typeof commonName === 'string' ? commonName : '',
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    validToMs: Date.parse(valid_to),
  };
}
