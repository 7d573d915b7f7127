import { join } from 'node:path';
import * as v from 'valibot';
import { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { COAP_METHODS } from '../../contract/coap.ts';
import type { SavedCoapRequest } from '../../contract/coap-browser.ts';
import { MAX_SAVED, SavedList } from '../saved-list.ts';

const FILE = 'coap-requests.json';

/** Bytes are base64 in the file. */
const file = v.strictObject({
  requests: v.array(
    v.strictObject({
      id: v.string(),
      name: v.string(),
      uri: v.string(),
      method: v.picklist(COAP_METHODS),
      confirmable: v.boolean(),
      blockBytes: v.nullable(v.number()),
      accept: v.nullable(v.number()),
      contentFormat: v.nullable(v.number()),
      options: v.array(v.strictObject({ number: v.number(), value: v.string() })),
      payload: v.string(),
      payloadAs: v.picklist(['text', 'hex', 'base64']),
    }),
  ),
});
type Stored = v.InferOutput<typeof file>['requests'][number];

/** CoAP requests that people keep. Fails with `coap.unknown_request`, `coap.too_many_requests`. */
export function savedRequests(folder: string, log: Log): SavedList<SavedCoapRequest> {
  return new SavedList({
    path: join(folder, FILE),
    what: 'the saved CoAP requests',
    log,
    read: (json) => v.parse(file, json).requests.map(loaded),
    write: (saved) => ({ requests: saved.map(stored) }),
    unknown: () => new CodedError('coap.unknown_request', 'This saved request is gone: somebody removed it.'),
    tooMany: () =>
      new CodedError(
        'coap.too_many_requests',
        `${MAX_SAVED} CoAP requests are saved already. Remove one first.`,
      ),
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

function stored({ options, payload, ...rest }: SavedCoapRequest): Stored {
  return {
    ...rest,
    options: options.map(({ number, value }) => ({ number, value: base64(value) })),
    payload: base64(payload),
  };
}

function loaded({ options, payload, ...rest }: Stored): SavedCoapRequest {
  return {
    ...rest,
    options: options.map(({ number, value }) => ({ number, value: bytes(value) })),
    payload: bytes(payload),
  };
}
