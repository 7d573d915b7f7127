import type { brokerMethods } from '../contract/methods-broker.ts';
import type { MethodHandlers } from '../rpc/types.ts';
import type { BrokerParts } from './broker-parts.ts';

export type BrokerHandlerParts = Pick<
  BrokerParts,
  'brokerDesk' | 'retainedDesk' | 'publishes' | 'mqttListeners' | 'certificates' | 'mqttAccess' | 'sys'
>;

/** The broker's share of the contract. `onceKept`: an answer that waits for the disk. Each line is one method; what it does is in the part it names. */
export function brokerHandlers(
  parts: BrokerHandlerParts,
  onceKept: <T>(result: T | Promise<T>) => Promise<T>,
): Pick<MethodHandlers, keyof typeof brokerMethods> {
  const { brokerDesk, retainedDesk, publishes, mqttListeners, certificates, mqttAccess, sys } = parts;
  return {
    'broker.clients': () => ({ clients: brokerDesk.clients() }),
    'broker.client': ({ clientId }) => brokerDesk.client(clientId),
    'broker.disconnect': ({ clientId, reason }) => {
      brokerDesk.disconnect(clientId, reason);
      return { disconnected: true };
    },
    'broker.removeSession': ({ clientId }) => {
      brokerDesk.removeSession(clientId);
      return { removed: true };
    },
    'broker.subscribers': ({ topic }) => brokerDesk.subscribers(topic),
    'broker.publish': (request) => ({ receivers: brokerDesk.publish(request) }),
    'broker.sys': () => ({ values: sys.values() }),

    'publishes.list': () => ({ publishes: publishes.list() }),
    'publishes.save': (publish) => publishes.save(publish),
    'publishes.remove': ({ id }) => {
      publishes.remove(id);
      return { removed: true };
    },

    'retained.list': (params) => retainedDesk.page(params),
    'retained.get': ({ topic }) => retainedDesk.get(topic),
    'retained.clear': ({ topics }) => onceKept(retainedDesk.clear(topics)),
    'retained.clearBelow': ({ topic }) => onceKept(retainedDesk.clearBelow(topic)),
    'retained.restore': ({ trash }) => onceKept(retainedDesk.restore(trash)),
    'retained.cancel': ({ job }) => retainedDesk.cancel(job),
    'retained.emptyTrash': () => ({ messages: retainedDesk.emptyTrash() }),

    'listeners.list': () => ({ listeners: mqttListeners.list() }),
    'listeners.add': (config) => mqttListeners.add(config),
    'listeners.change': (config) => mqttListeners.change(config),
    'listeners.remove': async ({ id }) => {
      await mqttListeners.remove(id);
      return { removed: true };
    },
    'listeners.start': ({ id }) => mqttListeners.startOne(id),
    'listeners.stop': ({ id }) => mqttListeners.stopOne(id),

    'certificates.list': () => ({ certificates: certificates.list() }),
    'certificates.makeAuthority': ({ name }) => certificates.makeAuthority(name),
    'certificates.issueServer': (input) => certificates.issueServer(input),
    'certificates.issueDevice': (input) => certificates.issueDevice(input),
    'certificates.import': (input) => certificates.import(input),
    'certificates.remove': ({ id }) => {
      certificates.remove(id);
      return { removed: true };
    },
    'certificates.export': ({ id }) => ({ pem: certificates.export(id) }),

    'security.list': () => mqttAccess.snapshot(),
    'security.putUser': (input) => mqttAccess.putUser(input),
    'security.removeUser': ({ name }) => {
      mqttAccess.removeUser(name);
      return { removed: true };
    },
    'security.putRole': (input) => mqttAccess.putRole(input),
    'security.removeRole': ({ name }) => {
      mqttAccess.removeRole(name);
      return { removed: true };
    },
    'security.setAnonymousRole': ({ role }) => mqttAccess.setAnonymousRole(role),
    'security.test': (input) => mqttAccess.test(input),
  };
}
