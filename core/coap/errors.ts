import { CodedError } from '../base/errors.ts';

/** Every way in which CoAP fails. `detail` carries the facts a screen may show. */
export type CoapErrorCode =
  /** No answer after all retransmissions, or no separate response after the acknowledgement. */
  | 'coap.timeout'
  /** The peer rejected the message with RST. */
  | 'coap.reset'
  /** The peer's answer breaks the message format (RFC 7252 §3). */
  | 'coap.malformed'
  /** The answer has a critical option that this client does not know (RFC 7252 §5.4.1). */
  | 'coap.bad_option'
  /** Past a stated limit: 16 MiB for a body, one datagram for a message, 10,000 links for a list. */
  | 'coap.too_large'
  /** A block-wise transfer whose blocks do not fit together (RFC 7959). */
  | 'coap.blocks_broken'
  | 'coap.host_not_found'
  | 'coap.bad_uri'
  /** An argument that is not a URI: block size, payload with GET. */
  | 'coap.bad_request'
  /** The caller gave up, or the endpoint stopped. */
  | 'coap.cancelled'
  /** The operating system cannot send there, or the network said so. */
  | 'coap.unreachable'
  /** A stated bound of queues or tables is reached; nothing was sent. */
  | 'coap.busy'
  | 'coap.not_running'
  /** Discovery or an observation was answered with 4.xx or 5.xx. */
  | 'coap.refused'
  /** The server answered an observation like a plain GET (RFC 7641 §3.1). */
  | 'coap.not_observable'
  /** An observation to be recorded, of a resource of the station itself. */
  | 'coap.own_resource'
  | 'coap.links_malformed'
  /** The connection ended (RFC 8323): by the other end, by Release or Abort, or by the network. */
  | 'coap.closed'
  /** TCP was there, but no CoAP: no valid CSM came in time, or the WebSocket upgrade was refused. */
  | 'coap.handshake'
  /** TLS failed: certificate, name or version. */
  | 'coap.tls'
  /** The scheme is known but cannot be used here (yet). */
  | 'coap.scheme'
  /** The proxy's access list does not hold the target (RFC 8075 §10). */
  | 'coap.forbidden'
  /** A pattern of the proxy's access list that cannot be read; `detail.pattern`. */
  | 'coap.bad_pattern'
  /** A range of addresses to scan that cannot be read, or is longer than 1,024; `detail.limit`. */
  | 'coap.bad_range'
  /** No interface of that name that could be asked. */
  | 'coap.no_interface'
  /** One scan at a time. */
  | 'coap.scan_running'
  | 'listen.port_taken'
  | 'listen.no_such_address'
  | 'listen.not_allowed'
  /** The server certificate or its key cannot be used. */
  | 'listen.bad_certificate'
  | 'listen.failed';

export function coapError(
  code: CoapErrorCode,
  message: string,
  detail?: Record<string, unknown>,
  cause?: unknown,
): CodedError {
  return new CodedError(code, message, {
    ...(detail === undefined ? {} : { detail }),
    ...(cause === undefined ? {} : { cause }),
  });
}

export function blocksBroken(why: string): CodedError {
  return coapError('coap.blocks_broken', `The block-wise transfer cannot be put together: ${why}.`);
}

export function cancelled(): CodedError {
  return coapError('coap.cancelled', 'The CoAP request was cancelled.');
}
