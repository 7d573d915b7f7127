/** Message types and codes (RFC 7252 §3, §12.1; FETCH, PATCH, iPATCH: RFC 8132; 4.29: RFC 8516; 5.08: RFC 8768). */

export type MessageType = 0 | 1 | 2 | 3;
export const CON: MessageType = 0;
export const NON: MessageType = 1;
export const ACK: MessageType = 2;
export const RST: MessageType = 3;

export const TYPE_NAMES = ['CON', 'NON', 'ACK', 'RST'] as const;

/** `class << 5 | detail`, as on the wire. */
export function code(codeClass: number, detail: number): number {
  return (codeClass << 5) | detail;
}

export const EMPTY = 0;

export const METHOD_CODES = {
  GET: 1,
  POST: 2,
  PUT: 3,
  DELETE: 4,
  FETCH: 5,
  PATCH: 6,
  iPATCH: 7,
} as const;
export type Method = keyof typeof METHOD_CODES;

export const CREATED = code(2, 1);
export const DELETED = code(2, 2);
export const VALID = code(2, 3);
export const CHANGED = code(2, 4);
export const CONTENT = code(2, 5);
export const CONTINUE = code(2, 31);
export const BAD_REQUEST = code(4, 0);
export const UNAUTHORIZED = code(4, 1);
export const BAD_OPTION = code(4, 2);
export const NOT_FOUND = code(4, 4);
export const METHOD_NOT_ALLOWED = code(4, 5);
export const NOT_ACCEPTABLE = code(4, 6);
export const REQUEST_ENTITY_INCOMPLETE = code(4, 8);
export const REQUEST_ENTITY_TOO_LARGE = code(4, 13);
export const TOO_MANY_REQUESTS = code(4, 29);
export const SERVICE_UNAVAILABLE = code(5, 3);
export const PROXYING_NOT_SUPPORTED = code(5, 5);

const NAMES = new Map<number, string>([
  [EMPTY, 'Empty'],
  ...Object.entries(METHOD_CODES).map(([name, value]): [number, string] => [value, name]),
  [CREATED, 'Created'],
  [DELETED, 'Deleted'],
  [VALID, 'Valid'],
  [CHANGED, 'Changed'],
  [CONTENT, 'Content'],
  [CONTINUE, 'Continue'],
  [BAD_REQUEST, 'Bad Request'],
  [UNAUTHORIZED, 'Unauthorized'],
  [BAD_OPTION, 'Bad Option'],
  [code(4, 3), 'Forbidden'],
  [NOT_FOUND, 'Not Found'],
  [METHOD_NOT_ALLOWED, 'Method Not Allowed'],
  [NOT_ACCEPTABLE, 'Not Acceptable'],
  [REQUEST_ENTITY_INCOMPLETE, 'Request Entity Incomplete'],
  [code(4, 9), 'Conflict'],
  [code(4, 12), 'Precondition Failed'],
  [REQUEST_ENTITY_TOO_LARGE, 'Request Entity Too Large'],
  [code(4, 15), 'Unsupported Content-Format'],
  [code(4, 22), 'Unprocessable Entity'],
  [TOO_MANY_REQUESTS, 'Too Many Requests'],
  [code(5, 0), 'Internal Server Error'],
  [code(5, 1), 'Not Implemented'],
  [code(5, 2), 'Bad Gateway'],
  [SERVICE_UNAVAILABLE, 'Service Unavailable'],
  [code(5, 4), 'Gateway Timeout'],
  [PROXYING_NOT_SUPPORTED, 'Proxying Not Supported'],
  [code(5, 8), 'Hop Limit Reached'],
]);

export function codeClass(value: number): number {
  return value >> 5;
}

const TEXTS = Array.from(
  { length: 256 },
  (_, value) => `${value >> 5}.${String(value & 31).padStart(2, '0')}`,
);

/** `2.05` for 69. */
export function codeText(value: number): string {
  return TEXTS[value & 255]!;
}

/** `Content` for 69; a code without a name of its own gets the name of its class, as a client must treat it (§5.9). */
export function codeName(value: number): string {
  const own = NAMES.get(value);
  if (own !== undefined) return own;
  if (codeClass(value) === 2) return 'Success';
  if (codeClass(value) === 4) return 'Client Error';
  if (codeClass(value) === 5) return 'Server Error';
  return 'Unknown';
}

export function isRequest(value: number): boolean {
  return value !== EMPTY && codeClass(value) === 0;
}

export function isSuccess(value: number): boolean {
  return codeClass(value) === 2;
}

export function isResponse(value: number): boolean {
  const own = codeClass(value);
  return own === 2 || own === 4 || own === 5;
}

/** Classes 1, 3, 6 and 7 are reserved over UDP: such a message is rejected (§4.2, §4.3). */
export function isReserved(value: number): boolean {
  return codeClass(value) !== 0 && !isResponse(value);
}
