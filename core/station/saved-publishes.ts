import { join } from 'node:path';
import * as v from 'valibot';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { SavedPublish } from '../contract/broker.ts';
import { MAX_SAVED, SavedList } from './saved-list.ts';

const FILE = 'publishes.json';

const properties = v.strictObject({
  payloadFormat: v.optional(v.picklist([0, 1])),
  messageExpirySeconds: v.optional(v.number()),
  contentType: v.optional(v.string()),
  responseTopic: v.optional(v.string()),
  /** Base64 in the file. */
  correlationData: v.optional(v.string()),
  userProperties: v.optional(v.array(v.tuple([v.string(), v.string()]))),
});
const file = v.strictObject({
  publishes: v.array(
    v.strictObject({
      id: v.string(),
      name: v.string(),
      topic: v.string(),
      payload: v.string(),
      qos: v.picklist([0, 1, 2]),
      retain: v.boolean(),
      properties,
    }),
  ),
});
type Stored = v.InferOutput<typeof file>['publishes'][number];

/** Publishes that people keep to send them again. Fails with `publishes.unknown`, `publishes.too_many`. */
export function savedPublishes(folder: string, log: Log): SavedList<SavedPublish> {
  return new SavedList({
    path: join(folder, FILE),
    what: 'the saved publishes',
    log,
    read: (json) => v.parse(file, json).publishes.map(loaded),
    write: (saved) => ({ publishes: saved.map(stored) }),
    unknown: () => new CodedError('publishes.unknown', 'This saved publish is gone: somebody removed it.'),
    tooMany: () =>
      new CodedError('publishes.too_many', `${MAX_SAVED} publishes are saved already. Remove one first.`),
  });
}

function stored({ properties: { correlationData, ...rest }, ...publish }: SavedPublish): Stored {
  const base64 =
    correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData).toString('base64') };
  return { ...publish, properties: { ...rest, ...base64 } };
}

function loaded({ properties: { correlationData, ...rest }, ...publish }: Stored): SavedPublish {
  const bytes =
    correlationData === undefined
      ? {}
      : { correlationData: new Uint8Array(Buffer.from(correlationData, 'base64')) };
  return { ...publish, properties: { ...rest, ...bytes } };
}
