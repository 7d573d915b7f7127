import { CodedError } from '../base/errors.ts';
import type { MqttListenerConfig } from '../contract/listeners.ts';
import { isLoopback } from '../mqtt/transports/loopback.ts';
import type { HostPort } from './options.ts';

/** Id of the listener of the command line. */
export const FIXED_LISTENER = 'mqtt';

/** What `--mqtt` and `--mqtt-anonymous` say. */
export interface FixedListener extends HostPort {
  anonymous: boolean;
}

/**
 * The listener of the command line with what was chosen for it before. That counts for the same reach only:
 * "anonymous" on loopback, where it is the rule, is no word about a network.
 */
export function fixedConfig(flags: FixedListener, saved: MqttListenerConfig | undefined): MqttListenerConfig {
  const { host, port, anonymous } = flags;
  return {
    name: 'MQTT',
    path: '/mqtt',
    acknowledge: 'committed',
    maxConnections: 10_000,
    maxPacketBytes: 1_048_576,
    publishRate: 0,
    ...saved,
    id: FIXED_LISTENER,
    transport: 'tcp',
    host,
    port,
    enabled: true,
    certificate: null,
    clientCertificates: 'none',
    certificateUser: 'none',
    anonymous: anonymous || chosenAnonymous(flags, saved),
  };
}

/** Whether anonymous clients come in where the flags do not say so. */
export function chosenAnonymous({ host }: FixedListener, saved: MqttListenerConfig | undefined): boolean {
  const local = isLoopback(host);
  return saved !== undefined && isLoopback(saved.host) === local ? saved.anonymous : local;
}

/**
 * How it is saved. `--mqtt-anonymous` counts for the run that it is given to: whoever takes it away again has closed
 * the listener. `chosen` is what counts without it.
 */
export function savedFixed(
  config: MqttListenerConfig,
  flags: FixedListener,
  chosen: boolean,
): MqttListenerConfig {
  return flags.anonymous ? { ...config, anonymous: config.anonymous && chosen } : config;
}

/** Throws `listeners.fixed` when a change would move it. */
export function checkStaysFixed(before: MqttListenerConfig, after: MqttListenerConfig): void {
  const moved = (['transport', 'host', 'port', 'enabled'] as const).some((key) => before[key] !== after[key]);
  if (moved) throw fixedError('its address and transport are chosen there');
}

export function fixedError(why: string): CodedError {
  return new CodedError(
    'listeners.fixed',
    `This listener was given with --mqtt on the command line: ${why}.`,
  );
}
