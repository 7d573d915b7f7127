import { CodedError } from '../base/errors.ts';
import { subscriptions } from '../contract/subscriptions.ts';
import type { SubscriptionName } from '../contract/subscriptions.ts';
import { connect, jsonArgument } from './connect.ts';
import { toJson } from './json.ts';

/**
 * `watch TOPIC [JSON]`: `{"kind":"snapshot","data":...}` and then `{"kind":"delta","data":...}` lines until a signal,
 * a closed pipe or the end of the subscription. @throws CodedError of the host, `cli.*`
 */
export async function watch(args: string[]): Promise<number> {
  const { client, words } = await connect(args);
  const [name, json] = words;
  if (name === undefined || !Object.hasOwn(subscriptions, name)) {
    client.close();
    throw new CodedError('cli.no_topic', `watch needs one of: ${Object.keys(subscriptions).join(', ')}`);
  }
  const params = jsonArgument(json);
  const print = (kind: string) => (data: unknown) => process.stdout.write(`${toJson({ kind, data })}\n`);
  try {
    await new Promise<void>((resolve, reject) => {
      const refused = (error: { code: string; message: string }) =>
        reject(new CodedError(error.code, error.message));
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
      process.stdout.once('error', () => resolve());
      client.onState((state, reason) => {
        if (state === 'refused') refused({ code: 'rpc.refused', message: reason });
      });
      client.subscribe(name as SubscriptionName, params as never, {
        snapshot: print('snapshot'),
        delta: print('delta'),
        error: refused,
      });
    });
    return 0;
  } finally {
    client.close();
  }
}
