/**
 * The load, a process of its own: `generator.ts PORT RATE TOPICS PUBLISHERS`. Publishes once on every topic, at RATE, prints
 * `{"seeded":N}`, then sends RATE messages a second until its stdin ends. Nine messages in ten are Temp/RH in JSON. A
 * number on stdin is how many publishers share the load from then on; the answer is `{"publishers":N}`. Every second
 * prints `{"sent":TOTAL,"behind":N}`: `behind` were due and not sent because the station did not read.
 */
import { createInterface } from 'node:readline';
import { RawClient } from '../mqtt/client.ts';
import { BUSY_TOPIC, jsonPacket, lineTopic, plainPacket, siteOf } from './topics.ts';
import type { Packet } from './topics.ts';

const CHUNK = 4;
const TICK_MS = 5;
const FULL_BYTES = 256 * 1024;
const NEW_TOPICS_PER_SECOND = 2;

const [port = 0, rate = 20_000, topics = 100_000, publishersAtFirst = 50] = process.argv.slice(2).map(Number);
const site = siteOf(topics);
const chunksOfJson = chunked(site.json.map(jsonPacket));
const chunksOfPlain = chunked(site.plain.map(plainPacket));
const busy = [jsonPacket(BUSY_TOPIC)];
const publishers: RawClient[] = [];
let sharing = 0;
let sent = 0;
let behind = 0;
let step = 0;

await share(publishersAtFirst);
const seedingSinceMs = performance.now();
for (const [index, chunk] of [...chunksOfPlain, ...chunksOfJson].entries()) {
  while (sent > ((performance.now() - seedingSinceMs) * rate) / 1_000 || !send(chunk, index)) {
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}
print({ seeded: sent });
await new Promise<void>((resolve) => {
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      if (line === 'go') run();
      else void share(Number(line)).then(() => print({ publishers: sharing }));
    })
    .on('close', resolve);
});
process.exit(0);

function run(): void {
  let lastMs = performance.now();
  let due = 0;
  let newcomers = 0;
  setInterval(() => {
    const nowMs = performance.now();
    due += ((nowMs - lastMs) * rate) / 1_000;
    lastMs = nowMs;
    for (; due >= CHUNK; due -= CHUNK) {
      step++;
      // Every 50th chunk the busy topic, so that it has a hundred messages a second at 20,000.
      if (step % 50 === 0) due -= Number(send(busy, 0));
      const isPlain = step % 10 === 9 && chunksOfPlain.length > 0;
      const chunks = isPlain ? chunksOfPlain : chunksOfJson;
      const place = isPlain ? Math.floor(step / 10) : step;
      const at = place % chunks.length;
      if (!send(chunks[at]!, at)) behind += CHUNK;
    }
  }, TICK_MS);
  setInterval(() => {
    // Lines that come in the middle of what is open, so that rows would move.
    const topic = `${lineTopic(1, 1)}/added-${newcomers++}`;
    send([plainPacket(`${topic}/state`)], newcomers);
  }, 1_000 / NEW_TOPICS_PER_SECOND);
  setInterval(() => print({ sent, behind }), 1_000);
}

/** False when the connection is full. The same chunk always comes from the same publisher. */
function send(chunk: Packet[], owner: number): boolean {
  const { socket } = publishers[owner % sharing]!;
  if (socket.writableLength > FULL_BYTES) return false;
  for (const { bytes, digits } of chunk)
    for (const at of digits) bytes[at] = 48 + Math.floor(Math.random() * 10);
  socket.write(Buffer.concat(chunk.map(({ bytes }) => bytes)));
  sent += chunk.length;
  return true;
}

async function share(count: number): Promise<void> {
  while (publishers.length < count) {
    const from = publishers.length;
    const batch = Math.min(50, count - from);
    const opening = Array.from({ length: batch }, (_, i) => RawClient.open(port, `gateway-${from + i}`));
    publishers.push(...(await Promise.all(opening)));
  }
  sharing = count;
}

function chunked(packets: Packet[]): Packet[][] {
  return Array.from({ length: Math.ceil(packets.length / CHUNK) }, (_, i) =>
    packets.slice(i * CHUNK, (i + 1) * CHUNK),
  );
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
