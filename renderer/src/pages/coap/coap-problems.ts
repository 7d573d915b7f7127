/** What a failure means and what to do, for each code that the station can answer with. */
export interface Advice {
  title: string;
  /** What to do next. Empty when there is nothing to do. */
  todo: string;
}

const BY_CODE: Record<string, Advice> = {
  'coap.timeout': {
    title: 'No answer',
    todo: 'Check that the device has power, that address and port are right, and that nothing on the way blocks it.',
  },
  'coap.reset': {
    title: 'The device rejected the message',
    todo: 'Something listens there but does not take this request. Check the port, or restart the device.',
  },
  'coap.malformed': {
    title: 'The answer is not valid CoAP',
    todo: 'Another service may listen on this port. Check the port and the firmware of the device.',
  },
  'coap.bad_option': {
    title: 'The answer has an option that cannot be ignored',
    todo: 'If the request had this option, the device refuses it: libcoap sends back what it does not know. Else it speaks an extension that this version does not know.',
  },
  'coap.too_large': { title: 'Too large', todo: 'Ask for a part of it, or send less.' },
  'coap.blocks_broken': {
    title: 'The blocks do not fit together',
    todo: 'The resource changed while it was read, or the device mixes blocks up. Try again.',
  },
  'coap.host_not_found': {
    title: 'The name is not known',
    todo: 'Check the spelling, or use the IP address of the device.',
  },
  'coap.unreachable': {
    title: 'The network does not lead there',
    todo: 'Check the cable or the Wi-Fi of this machine, and the address.',
  },
  'coap.bad_uri': { title: 'This is not a CoAP address', todo: 'Write coap://host:port/path.' },
  'coap.bad_request': {
    title: 'The request cannot be sent like this',
    todo: 'Check method, payload and format.',
  },
  'coap.cancelled': { title: 'Cancelled', todo: '' },
  'coap.busy': {
    title: 'Too many requests wait for this device',
    todo: 'Wait until they are through, then try again.',
  },
  'coap.not_running': {
    title: 'The CoAP endpoint does not run',
    todo: 'Settings show why its listener failed.',
  },
  'coap.refused': { title: 'The device refused', todo: 'See the code for the reason it gives.' },
  'coap.not_observable': {
    title: 'The resource cannot be observed',
    todo: 'The device answers but sends no notifications. Read it with GET instead.',
  },
  'coap.links_malformed': {
    title: 'The list of resources cannot be read',
    todo: 'Read /.well-known/core with GET to see what the device sends.',
  },
  'coap.too_many_resources': {
    title: 'No room for more resources',
    todo: 'Cancel observations that are no longer needed.',
  },
  'coap.own_resource': {
    title: 'This is a resource of the station itself',
    todo: 'Watch it while you look at it, or observe the device that its values come from.',
  },
  'coap.closed': {
    title: 'The connection ended',
    todo: 'Try again: the station opens a new one. If it ends each time, the device or the network closes it.',
  },
  'coap.handshake': {
    title: 'There is no CoAP behind this address',
    todo: 'Something answers, but not with CoAP. Check the port and the scheme (coap+tcp, coap+ws).',
  },
  'coap.tls': {
    title: 'TLS did not come about',
    todo: 'Check the certificate of the device, the name in the address, and that the time of both is right.',
  },
  'coap.scheme': {
    title: 'This scheme cannot be asked',
    todo: 'Use coap, coap+tcp, coaps+tcp, coap+ws or coaps+ws.',
  },
  'coap.unknown_server': {
    title: 'The station does not know this server',
    todo: 'It was forgotten already.',
  },
  'coap.unknown_request': { title: 'This request is no longer saved', todo: 'Save it again under its name.' },
  'coap.too_many_requests': {
    title: 'No more requests can be saved',
    todo: 'Remove those that are no longer needed.',
  },
  'rpc.timeout': {
    title: 'No answer within five minutes',
    todo: 'Check that the device is awake and reachable, then try again.',
  },
  'rpc.connection_lost': {
    title: 'The station cannot be reached',
    todo: 'The console connects again by itself. Then try again.',
  },
  'rpc.forbidden': { title: 'Your role may only look', todo: 'Ask for a link with the role operate.' },
};

export function adviceFor(code: string): Advice {
  return BY_CODE[code] ?? { title: 'It did not work', todo: 'If it happens again, look into the exchange.' };
}

/** Reasons behind the answers that a device itself gives (RFC 7252 §12.1.2 and later). */
const BY_RESPONSE: Record<string, string> = {
  '4.00': 'The device does not understand the request. Check payload and format.',
  '4.01': 'The device wants proof of who asks.',
  '4.02': 'The device does not know an option of the request.',
  '4.03': 'The device does not allow this.',
  '4.04': 'There is no resource with this path. Discover shows those that are there.',
  '4.05': 'The resource does not allow this method.',
  '4.06': 'The device cannot answer in the format that was asked for. Choose another one, or none.',
  '4.08': 'The device did not get all blocks of the payload. Try again.',
  '4.09': 'The request does not fit the state of the resource.',
  '4.12': 'A condition of the request was not met.',
  '4.13': 'The payload is larger than the device takes.',
  '4.15': 'The device does not know the format of the payload. Choose the one it expects.',
  '4.22': 'The device understands the format but not what is in it.',
  '4.29': 'Too many requests. Wait before the next one.',
  '5.00': 'The device has a fault of its own.',
  '5.01': 'The device does not offer this.',
  '5.02': 'A gateway on the way got a bad answer.',
  '5.03': 'The device is busy. Try again later.',
  '5.04': 'A gateway on the way got no answer in time.',
  '5.05': 'The server does not act as a proxy.',
};

/** A sentence for an answer that is no success, or empty. */
export function reasonOf(responseCode: string): string {
  return BY_RESPONSE[responseCode] ?? '';
}

/** The code of whatever a call threw. */
export function codeOfError(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'internal';
}
