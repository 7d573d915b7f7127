/**
 * `responder.ts PEERS`: so many CoAP servers on ports of 127.0.0.1, each of which answers every GET at once with 64 bytes.
 * Never sleeps, so that nobody who asks pays for waking it: a device on a network is not woken by our system calls.
 */
import type { AddressInfo } from 'node:net';
import { contentAnswer, openSocket } from './lean.ts';

const ports: number[] = [];
for (let peer = 0; peer < Number(process.argv[2]); peer++) {
  const socket = await openSocket();
  socket.on('message', (request, { port, address }) => {
    if (request.length >= 4 && request[1] !== 0) socket.send(contentAnswer(request), port, address);
  });
  ports.push((socket.address() as AddressInfo).port);
}
console.log(JSON.stringify({ ports }));
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
spin();

function spin(): void {
  setImmediate(spin);
}
