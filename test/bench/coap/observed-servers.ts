/**
 * `observed-servers.ts PEERS RESOURCES EVERY_MS`: CoAP servers on ports of 127.0.0.1 with so many observable resources in
 * all. From the message `go` on each resource notifies every EVERY_MS, spread evenly over that time, until `halt`; each
 * 20th notification is a CON. `report` tells what happened.
 */
import type { Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { decodeMessage, encodeMessage } from '../../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../../core/coap/codec/codec.ts';
import { ACK, CON, CONTENT, EMPTY, NON, NOT_FOUND, RST } from '../../../core/coap/codec/codes.ts';
import { CONTENT_FORMAT, OBSERVE, URI_PATH, findUint, uintOption } from '../../../core/coap/codec/options.ts';
import { openSocket } from './lean.ts';

export interface ServersReport {
  /** Notifications sent, registrations not counted. */
  sent: number;
  confirmable: number;
  acknowledged: number;
  /** By RST. */
  rejected: number;
  registrations: number;
}

interface Server {
  socket: Socket;
  nextId: number;
}

interface Observed {
  server: Server;
  observer: { port: number; address: string; token: Uint8Array } | undefined;
  sequence: number;
}

const CONFIRM_EVERY = 20;
const SLICE_MS = 5;
const TEXT_PLAIN = uintOption(CONTENT_FORMAT, 0);

const [peers, resources, everyMs] = process.argv.slice(2).map(Number) as [number, number, number];
const report: ServersReport = { sent: 0, confirmable: 0, acknowledged: 0, rejected: 0, registrations: 0 };
const observed: Observed[] = [];
const uris: string[] = [];
for (let peer = 0; peer < peers; peer++) {
  const server: Server = { socket: await openSocket(), nextId: Math.floor(Math.random() * 0x1_0000) };
  const first = observed.length;
  const last = Math.floor(((peer + 1) * resources) / peers);
  const { port } = server.socket.address() as AddressInfo;
  for (let number = first; number < last; number++) {
    // Not all of them send their CON in the same round.
    observed.push({ server, observer: undefined, sequence: number % CONFIRM_EVERY });
    uris.push(`coap://127.0.0.1:${port}/t/${number}`);
  }
  server.socket.on('message', (bytes, from) => {
    const decoded = decodeMessage(bytes);
    if (decoded.ok) receive(server, decoded.message, from);
  });
}
console.log(JSON.stringify({ uris }));

let running = false;
process.on('message', (word) => {
  if (word === 'report') process.send!(report);
  else if (word === 'halt') running = false;
  else if (word === 'go' && !running) {
    running = true;
    notifyFrom(0, performance.now());
  }
});
process.once('disconnect', () => process.exit(0));

function receive(server: Server, message: CoapMessage, { port, address }: { port: number; address: string }) {
  const { type, code, messageId, token } = message;
  if (code === EMPTY) {
    if (type === ACK) report.acknowledged++;
    if (type === RST) report.rejected++;
    return;
  }
  const path = message.options.filter(({ number }) => number === URI_PATH);
  const one = observed[Number(Buffer.from(path[1]?.value ?? []).toString() || -1)];
  const answer = { type: ACK, messageId, token, payload: new Uint8Array(0) } as const;
  if (one?.server !== server) {
    server.socket.send(encodeMessage({ ...answer, code: NOT_FOUND, options: [] }), port, address);
    return;
  }
  const options = [TEXT_PLAIN];
  if (findUint(message.options, OBSERVE) === 0) {
    report.registrations++;
    one.observer = { port, address, token: Uint8Array.from(token) };
    options.push(uintOption(OBSERVE, ++one.sequence));
  }
  server.socket.send(
    encodeMessage({ ...answer, code: CONTENT, options, payload: value(one) }),
    port,
    address,
  );
}

function value({ sequence }: Observed): Uint8Array {
  return Buffer.from((20 + (sequence % 500) / 100).toFixed(2));
}

/** All that are due by now, then again in a moment. */
function notifyFrom(next: number, startedMs: number): void {
  if (!running) return;
  const due = Math.floor(((performance.now() - startedMs) / everyMs) * observed.length);
  for (; next < due; next++) notify(observed[next % observed.length]!);
  setTimeout(() => notifyFrom(next, startedMs), SLICE_MS);
}

function notify(one: Observed): void {
  const { server, observer } = one;
  if (observer === undefined) return;
  const confirmable = ++one.sequence % CONFIRM_EVERY === 0;
  server.nextId = (server.nextId + 1) & 0xffff;
  const message = {
    type: confirmable ? CON : NON,
    code: CONTENT,
    messageId: server.nextId,
    token: observer.token,
    options: [uintOption(OBSERVE, one.sequence), TEXT_PLAIN],
    payload: value(one),
  };
  report.sent++;
  if (confirmable) report.confirmable++;
  server.socket.send(encodeMessage(message), observer.port, observer.address);
}
