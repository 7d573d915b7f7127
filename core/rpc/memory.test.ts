import { describeRpc } from '../../test/support/rpc-behaviour.ts';
import { memoryPair } from './memory.ts';

describeRpc('memory', (host) =>
  Promise.resolve({
    connect(role) {
      const { client, host: hostEnd } = memoryPair();
      host.accept(hostEnd, { role });
      return client;
    },
    stop: () => Promise.resolve(),
  }),
);
