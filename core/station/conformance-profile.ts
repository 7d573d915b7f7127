import type { BrokerOptions } from '../mqtt/options.ts';

type Rules = Pick<BrokerOptions, 'authenticate' | 'beginAuth' | 'authorize'>;

/** The topic filter that a client of the profile may not subscribe to. */
const NO_SUBSCRIBE = 'test/nosubscribe';
const UNSPECIFIED_ERROR = 0x80;

/**
 * What the public interoperability suites expect of a server under test (docs/mqtt-conformance.md): one filter that
 * cannot be subscribed to, a keep-alive and a Receive Maximum that the server chooses, and topic aliases towards
 * clients that allow them.
 */
export function conformance(rules: Rules): Rules & Pick<BrokerOptions, 'clientLimits'> {
  return {
    ...rules,
    authorize: (request) =>
      request.action === 'subscribe' && request.topic === NO_SUBSCRIBE
        ? UNSPECIFIED_ERROR
        : (rules.authorize?.(request) ?? true),
    clientLimits: { serverKeepAliveSeconds: 60, receiveMaximum: 20, outboundAliases: 10 },
  };
}
