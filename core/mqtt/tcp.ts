/** Moved to transports/; this line goes when the station and the benchmarks import it from there. */
export { listenTcp } from './transports/tcp.ts';
export type { TransportListener as TcpListener } from './transports/transport-listener.ts';
