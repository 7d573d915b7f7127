import type { brokerMethods } from '../contract/methods-broker.ts';
import type { MethodHandlers } from '../rpc/types.ts';
import type { BrokerDesk } from './broker-desk.ts';
import type { MqttListeners } from './mqtt-listeners.ts';
import type { RetainedDesk } from './retained-desk.ts';
import type { SavedPublishes } from './saved-publishes.ts';
import type { CertificateStore } from '../access/certificates/certificate-store.ts';
import type { MqttAccess } from '../access/mqtt-access.ts';
import type { SysTree } from '../mqtt/sys-tree.ts';

export interface BrokerHandlerParts {
  desk: BrokerDesk;
  retained: RetainedDesk;
  publishes: SavedPublishes;
  listeners: MqttListeners;
  certificates: CertificateStore;
  mqttAccess: MqttAccess;
  sys: SysTree;
}

/** The broker's share of the contract. Each line is one method; what it does is in the part it names. */
export function brokerHandlers(parts: BrokerHandlerParts): Pick<MethodHandlers, keyof typeof brokerMethods> {
  const { desk, retained, publishes, listeners, certificates, mqttAccess, sys } = parts;
  return {
    'broker.clients': () => ({ clients: desk.clients() }),
    'broker.client': ({ clientId }) => desk.client(clientId),
    'broker.disconnect': ({ clientId, reason }) => {
      desk.disconnect(clientId, reason);
      return { disconnected: true };
    },
    'broker.removeSession': ({ clientId }) => {
      desk.removeSession(clientId);
      return { removed: true };
    },
    'broker.subscribers': ({ topic }) => desk.subscribers(topic),
    'broker.publish': (request) => ({ receivers: desk.publish(request) }),
    'broker.sys': () => ({ values: sys.values() }),

    'publishes.list': () => ({ publishes: publishes.list() }),
    'publishes.save': (publish) => publishes.save(publish),
    'publishes.remove': ({ id }) => {
      publishes.remove(id);
      return { removed: true };
    },

    'retained.list': (params) => retained.page(params),
    'retained.get': ({ topic }) => retained.get(topic),
    'retained.clear': ({ topics }) => retained.clear(topics),
    'retained.clearBelow': ({ topic }) => retained.clearBelow(topic),
    'retained.restore': ({ trash }) => retained.restore(trash),
    'retained.cancel': ({ job }) => retained.cancel(job),
    'retained.emptyTrash': () => ({ messages: retained.emptyTrash() }),

    'listeners.list': () => ({ listeners: listeners.statuses() }),
    'listeners.add': (config) => listeners.add(config),
    'listeners.change': (config) => listeners.change(config),
    'listeners.remove': async ({ id }) => {
      await listeners.remove(id);
      return { removed: true };
    },
    'listeners.start': ({ id }) => listeners.start(id),
    'listeners.stop': ({ id }) => listeners.stop(id),

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
