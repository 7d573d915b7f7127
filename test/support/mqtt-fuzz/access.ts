import type { AuthExchange, AuthStep, ConnectRequest, ConnectVerdict } from '../../../core/mqtt/options.ts';

/* Who is let in while the broker is fuzzed: by the user names and methods that `makeConnect` picks. */

/** Bounds that a well-behaved client could break without knowing them. */
export const BOUNDED_USER = 'text/plain';

export function authenticate({ username }: ConnectRequest): ConnectVerdict | Promise<ConnectVerdict> {
  if (username === null) return { username };
  if (username.length === 300) return { reasonCode: 0x86, reason: 'no' };
  if (username === BOUNDED_USER) {
    return { username, limits: { receiveMaximum: 3, topicAliasMaximum: 2, maxPacketBytes: 1_000 } };
  }
  if (username === 'a') return Promise.resolve({ username, limits: { publishRate: 2 } });
  if (username === '') return Promise.reject(new Error('the directory is away'));
  return { username };
}

export function beginAuth(method: string): AuthExchange | null {
  return method === 'a' ? new TwoSteps() : null;
}

/** An AUTH exchange of two steps: the first at once, the second later, and sometimes a refusal. */
class TwoSteps implements AuthExchange {
  #steps = 0;

  step(data: Uint8Array): AuthStep | Promise<AuthStep> {
    if (this.#steps++ === 0) return { kind: 'continue', data };
    if (data.length > 0 && data[0]! < 40) return { reasonCode: 0x87 };
    return Promise.resolve({ kind: 'done', data, admission: { username: 'by-auth' } });
  }
}
