import { CertificateStore } from '../access/certificates/certificate-store.ts';
import { MqttAccess } from '../access/mqtt-access.ts';
import type { Clock } from '../base/clock.ts';
import type { Unsubscribe } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import { Broker } from '../mqtt/broker.ts';
import { ADMINISTRATIVE_ACTION } from '../mqtt/codec/reason-codes.ts';
import type { BrokerOptions } from '../mqtt/options.ts';
import { SysTree } from '../mqtt/sys-tree.ts';
import type { Record } from '../store/record.ts';
import { BrokerDesk } from './broker-desk.ts';
import { brokerJournal, keptBrokerState } from './broker-journal.ts';
import { conformance } from './conformance-profile.ts';
import type { Intake } from './intake.ts';
import { MqttListeners } from './mqtt-listeners.ts';
import type { StationOptions } from './options.ts';
import { RetainedDesk } from './retained-desk.ts';
import type { SavedPublish } from '../contract/broker.ts';
import type { SavedList } from './saved-list.ts';
import { savedPublishes } from './saved-publishes.ts';
import { sysNumbers } from './sys-numbers.ts';
import { VERSION } from '../version.ts';

export interface BrokerParts {
  broker: Broker;
  mqttAccess: MqttAccess;
  certificates: CertificateStore;
  mqttListeners: MqttListeners;
  brokerDesk: BrokerDesk;
  retainedDesk: RetainedDesk;
  publishes: SavedList<SavedPublish>;
  sys: SysTree;
  /** What they hear of each other; ended by `stopBroker`. */
  wires: Unsubscribe[];
}

/**
 * The broker with everything around it: who may use it, through which listeners, and what people see and do.
 * @throws CodedError `access.unreadable`, `access.unwritable`
 */
export function createBrokerParts(parts: {
  options: StationOptions;
  record: Record;
  intake: Intake;
  clock: Clock;
  logFor: (part: string) => Log;
}): BrokerParts {
  const { options, record, intake, clock, logFor } = parts;
  const folder = options.dataFolder;
  const log = logFor('mqtt');
  const mqttAccess = MqttAccess.open(folder, { clock, log: logFor('access') });
  const certificates = CertificateStore.open({ folder, clock, log: logFor('certificates') });
  // Nobody can come back as a user who is gone: its subscriptions stay, for a file of users that is put back later.
  const isGone = (user: string | null): boolean => user !== null && !mqttAccess.hasUser(user);
  let restoring = true;
  const rules: Pick<BrokerOptions, 'authenticate' | 'beginAuth' | 'authorize' | 'mayPublishAll'> = {
    authenticate: (request) => mqttAccess.authenticate(request),
    beginAuth: (method, request) => mqttAccess.beginAuth(method, request),
    authorize: (request) => (restoring && isGone(request.username)) || mqttAccess.authorize(request),
    mayPublishAll: (username) => mqttAccess.mayPublishAll(username),
  };
  const broker = new Broker({
    clock,
    log,
    ...(options.record ? { intake, journal: brokerJournal(record) } : {}),
    ...(options.profile === 'conformance' ? conformance(rules) : rules),
  });
  if (options.record) broker.restore(keptBrokerState(record));
  // Users and roles may be others than when these sessions subscribed: their file was changed or lost meanwhile.
  broker.accessChanged();
  restoring = false;
  const mqttListeners = new MqttListeners({
    broker,
    certificates,
    folder,
    log,
    clock,
    hasUsers: () => mqttAccess.hasUsers(),
    fixed: { ...options.mqtt, anonymous: options.mqttAnonymous },
  });
  return {
    broker,
    mqttAccess,
    certificates,
    mqttListeners,
    brokerDesk: new BrokerDesk(broker, log),
    retainedDesk: new RetainedDesk({ store: broker.retained, clock }),
    publishes: savedPublishes(folder, logFor('station')),
    sys: new SysTree({
      clock,
      version: VERSION,
      read: () => sysNumbers(broker),
      publish: (topic, value) =>
        void broker.publish({ topic, payload: Buffer.from(value), retain: true, silent: true }),
    }),
    wires: [
      record.committed.on((sequence) => broker.release(sequence)),
      mqttAccess.changed.on(() => {
        broker.accessChanged();
        void mqttListeners.usersChanged();
      }),
      mqttAccess.revoked.on((user) =>
        broker.disconnectUser(user, ADMINISTRATIVE_ACTION, 'the account was changed'),
      ),
    ],
  };
}

/** Takes clients in, where the listeners can be opened. */
export async function startBroker({ broker, mqttListeners, sys }: BrokerParts): Promise<void> {
  broker.start();
  sys.start();
  await mqttListeners.start();
}

/** Clients are told that the station goes; then the ports are free. */
export async function stopBroker({ broker, mqttListeners, retainedDesk, sys }: BrokerParts): Promise<void> {
  sys.stop();
  retainedDesk.stop();
  broker.stop();
  await mqttListeners.stop();
}
