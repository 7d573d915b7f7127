import { CodedError } from '../base/errors.ts';
import { methods } from '../contract/methods.ts';
import type { MethodName } from '../contract/methods.ts';
import { connect, jsonArgument } from './connect.ts';
import { toJson } from './json.ts';

/** A CoAP request may take MAX_TRANSMIT_WAIT, 93 s (RFC 7252 §4.8.2), until it has failed. */
const CALL_TIMEOUT_MS = 100_000;

/** `call METHOD [JSON]`: prints the result as one line of JSON. @throws CodedError of the host, `cli.*` */
export async function call(args: string[]): Promise<number> {
  const { client, words } = await connect(args);
  try {
    const [name, json] = words;
    if (name === undefined || !Object.hasOwn(methods, name)) {
      throw new CodedError('cli.no_method', `call needs one of: ${Object.keys(methods).join(', ')}`);
    }
    // Not validated here: the host refuses what the contract does not allow.
    const result = await client.call(name as MethodName, jsonArgument(json) as never, {
      timeoutMs: CALL_TIMEOUT_MS,
    });
    process.stdout.write(`${toJson(result)}\n`);
    return 0;
  } finally {
    client.close();
  }
}
