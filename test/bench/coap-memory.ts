import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type { MemoryAnswer } from './coap/memory.ts';
import { startNode, stop } from './coap/processes.ts';
import { table, writeReport } from './support/report.ts';

export const about =
  'what a CoAP peer, observation and connection take, and whether 1 M requests leave anything [--count 5000]';

/*
 * One endpoint in a process of its own: growth of its heap with what it holds outside, after a full collection, and of its
 * resident memory, over the number of peers (asked once each), of observations of peers that are known already, and of
 * accepted TCP connections that said CSM and nothing more. The servers that are asked live in the same process and keep
 * nothing. `1 M requests` are asked of 100 peers; what they leave is not divided.
 */

/** CSM without options (RFC 8323 §5.3). */
const CSM = Buffer.from([0x00, 0xe1]);
const AT_ONCE = 200;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { count: { type: 'string', default: '5000' } } });
  const count = Number(values.count);
  const { child, said } = await startNode('memory.ts', [String(count)], ['--expose-gc']);
  const sockets: Socket[] = [];
  const results: Record<string, MemoryAnswer> = {};
  try {
    for (const word of ['peers', 'observations', 'connections', 'requests']) {
      const answered = once(child, 'message');
      child.send(word);
      if (word === 'connections') await openAll(said['tcpPort'] as number, count, sockets);
      [results[word]] = (await answered) as [MemoryAnswer];
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    await stop(child);
  }
  const each = (bytes: number): string => `${Math.round(bytes / count)} bytes`;
  const rows = Object.entries(results).map(([word, { heapBytes, residentBytes }]) =>
    word === 'requests'
      ? ['1 M requests, all', `${heapBytes} bytes`, `${residentBytes} bytes`]
      : [`${word}, each`, each(heapBytes), each(residentBytes)],
  );
  console.log(`${table([`of ${count}`, 'heap', 'resident'], rows)}\n`);
  console.log(`written to ${writeReport('coap-memory', results)}`);
}

async function openAll(port: number, count: number, into: Socket[]): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - from) }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(CSM);
      socket.resume();
      into.push(socket);
    });
    await Promise.all(batch);
  }
}
