/** What a host takes from a screen: nothing is believed before it has passed here. */
import * as v from 'valibot';

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const name = v.pipe(v.string(), v.maxLength(128));

const clientFrame = v.variant('kind', [
  v.strictObject({
    kind: v.literal('hello'),
    version: v.number(),
    token: v.pipe(v.string(), v.maxLength(256)),
  }),
  v.strictObject({ kind: v.literal('call'), id, method: name, params: v.optional(v.unknown()) }),
  v.strictObject({ kind: v.literal('cancel'), id }),
  v.strictObject({
    kind: v.literal('sub'),
    id,
    topic: name,
    params: v.optional(v.unknown()),
    maxHz: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0.01))),
  }),
  v.strictObject({ kind: v.literal('unsub'), id }),
  v.strictObject({ kind: v.literal('ack'), id, seq: id }),
  v.strictObject({ kind: v.literal('ping'), id }),
]);

export type CheckedFrame = v.InferOutput<typeof clientFrame>;

/** The frame, or undefined when it has not the shape of any. */
export function checkFrame(frame: unknown): CheckedFrame | undefined {
  const result = v.safeParse(clientFrame, frame, { abortEarly: true });
  return result.success ? result.output : undefined;
}

export type CheckedInput = { ok: true; value: unknown } | { ok: false; problem: string };

/**
 * `params` by the schema of its method or topic; none at all counts as `{}`. The problem names where it lies:
 * `series[0]: Invalid type: ...`. Only the first is told: a million bad elements must not make a million notes.
 */
export function checkInput(schema: v.GenericSchema, params: unknown): CheckedInput {
  let result: v.SafeParseResult<v.GenericSchema>;
  try {
    result = v.safeParse(schema, params === undefined ? {} : params, { abortEarly: true });
  } catch {
    // A pattern that runs out of stack on a long text throws here, far from any handler's net.
    return { ok: false, problem: 'params: it cannot be checked' };
  }
  if (result.success) return { ok: true, value: result.output };
  const issue = result.issues[0];
  const message = issue.message.length > 300 ? `${issue.message.slice(0, 300)}...` : issue.message;
  return { ok: false, problem: `${pathOf(issue)}: ${message}` };
}

function pathOf(issue: v.BaseIssue<unknown>): string {
  let path = '';
  for (const { key } of issue.path ?? []) {
    if (typeof key === 'number') path += `[${key}]`;
    else path += path === '' ? String(key) : `.${String(key)}`;
  }
  return path === '' ? 'params' : path.slice(0, 200);
}
