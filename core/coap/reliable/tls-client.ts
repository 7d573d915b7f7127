import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import type { CodedError } from '../../base/errors.ts';
import { coapError } from '../errors.ts';
import type { CoapUri } from '../uri.ts';

/** How a server is to be known, and who we are for it. Certificates and key are PEM texts. */
export interface ClientTls {
  /** Authorities that are trusted instead of the public ones. */
  ca?: string[];
  cert?: string;
  key?: string;
  /** False trusts anybody: for a look at a device, never for secrets. */
  rejectUnauthorized?: boolean;
  /** The name in the server's certificate where it is not the host of the URI. */
  servername?: string;
  /** Instead of certificates (RFC 4279), TLS 1.2 only. */
  psk?: { identity: string; key: Uint8Array };
}

export type TlsFor = (uri: CoapUri) => ClientTls;

/** BoringSSL (Electron) knows only the last two. */
const PSK_CIPHERS =
  'PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384:PSK-AES128-CBC-SHA256:ECDHE-PSK-AES128-CBC-SHA:PSK-AES128-CBC-SHA';

/** TLS on `raw`. Fails with `coap.tls`, or with the reason of `signal`. */
export function secure(
  raw: Socket,
  uri: CoapUri,
  tls: ClientTls,
  protocol: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { ca, cert, key, psk } = tls;
    const servername = tls.servername ?? (uri.numeric ? undefined : uri.host);
    let socket: TLSSocket;
    try {
      socket = connect({
        socket: raw,
        host: uri.host,
        ALPNProtocols: [protocol],
        minVersion: 'TLSv1.2',
        rejectUnauthorized: tls.rejectUnauthorized ?? true,
        ...(servername === undefined ? {} : { servername }),
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(psk === undefined ? {} : pskOptions(psk)),
      });
    } catch (error) {
      raw.destroy();
      reject(tlsProblem(error, uri)); // a certificate or key that cannot be read
      return;
    }
    const settle = (error?: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error === signal.reason ? signal.reason : tlsProblem(error, uri));
    };
    const onAbort = (): void => settle(signal.reason);
    const onClose = (): void => settle(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', settle);
    socket.once('close', onClose);
    socket.once('secureConnect', () => settle());
  });
}

function pskOptions({ identity, key }: { identity: string; key: Uint8Array }) {
  return {
    pskCallback: () => ({ identity, psk: key }),
    ciphers: PSK_CIPHERS,
    maxVersion: 'TLSv1.2',
    // There is no certificate: the key is the proof.
    checkServerIdentity: () => undefined,
  } as const;
}

const NOT_TRUSTED =
  "its certificate comes from an authority that is not trusted here. Give the authority's certificate";
/** What happened and what to do, by the codes of OpenSSL and Node. */
const PROBLEMS: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'it signed its certificate itself. If that is the right one, trust this certificate',
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  CERT_HAS_EXPIRED: 'its certificate has expired. Renew it there, and check the clock here',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet. Check both clocks',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for other names. Use the name in the certificate, or state it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there. Check the port, or use the scheme without s',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there. Check the port, or use the scheme without s',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'it speaks TLS there, but not for CoAP. Check the port',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'it speaks TLS there, but not for CoAP. Check the port',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it offers only TLS versions older than 1.2',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it offers only TLS versions older than 1.2',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it shares no cipher with this station, or wants a client certificate or a pre-shared key',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate. Choose one for this server',
  ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED: 'it wants a client certificate. Choose one for this server',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not trust the authority of our client certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'it does not accept our client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our client certificate has expired. Renew it',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: 'it does not know our PSK identity',
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: 'the pre-shared key or the certificate is not the right one',
  ECONNRESET: 'it closed the connection during the handshake. Perhaps it does not speak TLS on this port',
};

/** `coap.tls` for whatever was thrown, with what to do about it. */
export function tlsProblem(error: unknown, uri: CoapUri): CodedError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = PROBLEMS[code] ?? `the handshake failed (${code === '' ? messageOf(error) : code})`;
  return coapError('coap.tls', `No TLS connection to ${uri.authority}: ${why}.`, { reason: code }, error);
}

/** TLS 1.3 refuses a client certificate only after the handshake. */
export function isTlsAlert(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_SSL_');
}
