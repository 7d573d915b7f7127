import type { Broker } from '../broker.ts';
import { Acceptor } from './acceptor.ts';
import { serveStream } from './socket-sink.ts';
import type { ListenOptions, TransportListener } from './transport-listener.ts';

/** MQTT over TCP (MQTT 5 §4.2). Fails with `listen.port_taken`, `.not_allowed`, `.bad_address` or `.failed`. */
export function listenTcp(broker: Broker, options: ListenOptions): Promise<TransportListener> {
  const acceptor = new Acceptor(broker, options, (socket) => serveStream(acceptor, socket, socket, null));
  return acceptor.listen();
}
