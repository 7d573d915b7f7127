import { publishBlock, RawClient } from './client.ts';

/** What one load counted. `done` is what the figure is about: deliveries, or acknowledged messages. */
export interface Progress {
  done: number;
  sent: number;
  /** Deliveries that are owed and have not come. */
  missing(): number;
}

export interface Load {
  about: string;
  /** Sets everything up and starts; `stopped` ends the sending. */
  start(port: number, stopped: () => boolean): Promise<Progress>;
}

/** Messages that may be between publisher and subscriber: enough to keep both busy, too few for anyone to drop. */
const QOS0_UNDERWAY = 8_192;
const QOS1_WINDOW = 100;
/** Below every broker's queue, so that no one loses a message. */
const QOS1_UNDERWAY = 900;
const SOCKETS = 500;

export const LOADS: Record<string, Load> = {
  'qos0-1x1': {
    about: 'QoS 0, 1 publisher -> 1 subscriber, deliveries/s',
    start: (port, stopped) => fanOut(port, stopped, 1, 1),
  },
  'qos0-5x5': {
    about: 'QoS 0, 5 publishers -> 5 subscribers each, deliveries/s',
    start: (port, stopped) => fanOut(port, stopped, 5, 5),
  },
  'qos0-split': {
    about: 'QoS 0, 1 publisher, every next message to the other of 2 subscribers, deliveries/s',
    start: split,
  },
  'qos0-single': {
    about: `QoS 0, ${SOCKETS} publishers with one message a write -> 1 subscriber, deliveries/s`,
    start: singles,
  },
  'qos1-5x1': {
    about: `QoS 1, 5 publishers (window ${QOS1_WINDOW}) -> 1 subscriber, deliveries/s`,
    start: qos1,
  },
  'qos1-sockets': {
    about: `QoS 1, ${SOCKETS} sockets with one message under way each, acknowledged/s`,
    start: manySockets,
  },
};

async function fanOut(
  port: number,
  stopped: () => boolean,
  publishers: number,
  subscribers: number,
): Promise<Progress> {
  const blockMessages = 256;
  const received = new Array<number>(subscribers).fill(0);
  const progress = { done: 0, sent: 0, missing: () => progress.sent * subscribers - progress.done };
  const blocks: { client: RawClient; bytes: Buffer }[] = [];
  let packetBytes = 0;
  let next = 0;
  const pump = () => {
    if (stopped()) return;
    let slowest = received[0]!;
    for (const bytes of received) if (bytes < slowest) slowest = bytes;
    const room = QOS0_UNDERWAY - (progress.sent - Math.floor(slowest / packetBytes));
    for (let blocksLeft = Math.floor(room / blockMessages); blocksLeft > 0; blocksLeft--) {
      const { client, bytes } = blocks[next++ % publishers]!;
      client.socket.write(bytes);
      progress.sent += blockMessages;
    }
  };
  for (let index = 0; index < subscribers; index++) {
    const client = await RawClient.open(port, `sub-${index}`, 'bench/+/data');
    client.onBytes = (_bytes, length) => {
      const before = Math.floor(received[index]! / packetBytes);
      received[index]! += length;
      progress.done += Math.floor(received[index]! / packetBytes) - before;
      pump();
    };
  }
  for (let index = 0; index < publishers; index++) {
    const block = publishBlock(`bench/sensor${index}/data`, 0, blockMessages);
    packetBytes = block.packetBytes;
    blocks.push({ client: await RawClient.open(port, `pub-${index}`), bytes: block.bytes });
  }
  pump();
  return progress;
}

/** The worst case for a broker that hands on runs of bytes: no two messages side by side go the same way. */
async function split(port: number, stopped: () => boolean): Promise<Progress> {
  const pairs = 128;
  const progress = { done: 0, sent: 0, missing: () => progress.sent - progress.done };
  const left = publishBlock('bench/left0/data', 0, 1);
  const right = publishBlock('bench/right/data', 0, 1);
  const { packetBytes } = left;
  const block = Buffer.concat(
    Array.from({ length: pairs * 2 }, (_, index) => (index % 2 ? right : left).bytes),
  );
  const publisher = await RawClient.open(port, 'pub');
  const pump = () => {
    while (!stopped() && progress.sent - progress.done <= QOS0_UNDERWAY - pairs * 2) {
      publisher.socket.write(block);
      progress.sent += pairs * 2;
    }
  };
  for (const filter of ['bench/left0/data', 'bench/right/data']) {
    const client = await RawClient.open(port, `sub ${filter}`, filter);
    let bytes = 0;
    client.onBytes = (_bytes, length) => {
      bytes += length;
      progress.done += Math.floor(bytes / packetBytes);
      bytes %= packetBytes;
      pump();
    };
  }
  pump();
  return progress;
}

/** Many devices that write one message at a time, as devices do: each waits until its message has arrived. */
async function singles(port: number, stopped: () => boolean): Promise<Progress> {
  const progress = { done: 0, sent: 0, missing: () => progress.sent - progress.done };
  const { packetBytes } = publishBlock('bench/sensor000/data', 0, 1);
  const senders: { client: RawClient; bytes: Buffer }[] = [];
  const send = (count: number) => {
    for (let left = stopped() ? 0 : count; left > 0; left--) {
      const { client, bytes } = senders[progress.sent++ % SOCKETS]!;
      client.socket.write(bytes);
    }
  };
  const subscriber = await RawClient.open(port, 'sub', 'bench/+/data');
  let waiting = 0;
  subscriber.onBytes = (_bytes, length) => {
    waiting += length;
    const count = Math.floor(waiting / packetBytes);
    waiting -= count * packetBytes;
    progress.done += count;
    send(count);
  };
  for (let index = 0; index < SOCKETS; index++) {
    const { bytes } = publishBlock(`bench/sensor${String(index).padStart(3, '0')}/data`, 0, 1);
    senders.push({ client: await RawClient.open(port, `pub-${index}`), bytes });
  }
  send(SOCKETS);
  return progress;
}

async function qos1(port: number, stopped: () => boolean): Promise<Progress> {
  const publishers = 5;
  const idsInUse = 1_000;
  const progress = { done: 0, sent: 0, missing: () => progress.sent - progress.done };
  const topicOf = (index: number) => `bench/sensor${index}/data`;
  const { packetBytes } = publishBlock(topicOf(0), 1, 1);
  const senders: { client: RawClient; bytes: Buffer; next: number; unacked: number; ackBytes: number }[] = [];

  const pump = (sender: (typeof senders)[number]) => {
    if (stopped()) return;
    let room = Math.min(QOS1_WINDOW - sender.unacked, QOS1_UNDERWAY - (progress.sent - progress.done));
    while (room > 0) {
      const count = Math.min(room, idsInUse - sender.next);
      sender.client.socket.write(
        sender.bytes.subarray(sender.next * packetBytes, (sender.next + count) * packetBytes),
      );
      sender.next = (sender.next + count) % idsInUse;
      sender.unacked += count;
      progress.sent += count;
      room -= count;
    }
  };

  const subscriber = await RawClient.open(port, 'sub', 'bench/+/data', 1);
  acknowledgeAll(subscriber, packetBytes, (count) => {
    progress.done += count;
    for (const sender of senders) pump(sender);
  });
  for (let index = 0; index < publishers; index++) {
    const client = await RawClient.open(port, `pub-${index}`);
    const { bytes } = publishBlock(topicOf(index), 1, idsInUse);
    const sender = { client, bytes, next: 0, unacked: 0, ackBytes: 0 };
    client.onBytes = (_bytes, length) => {
      const before = sender.ackBytes >> 2;
      sender.ackBytes += length;
      sender.unacked -= (sender.ackBytes >> 2) - before;
      sender.ackBytes &= 3;
      pump(sender);
    };
    senders.push(sender);
  }
  for (const sender of senders) pump(sender);
  return progress;
}

/** Answers every QoS 1 PUBLISH (all of one size) with PUBACK, in one write per read. */
function acknowledgeAll(client: RawClient, packetBytes: number, onMessages: (count: number) => void): void {
  const idOffset = packetBytes - 64 - 2;
  const carry = Buffer.alloc(packetBytes);
  let carried = 0;
  client.onBytes = (bytes, length) => {
    const count = Math.floor((carried + length) / packetBytes);
    const acks = Buffer.allocUnsafe(count * 4);
    let at = 0;
    for (let index = 0; index < count; index++) {
      let source = bytes;
      let start = at;
      if (carried > 0) {
        bytes.copy(carry, carried, 0, packetBytes - carried);
        source = carry;
        start = 0;
        at = packetBytes - carried;
        carried = 0;
      } else at += packetBytes;
      if (source[start] !== 0x32) throw new Error(`A packet begins with 0x${source[start]!.toString(16)}.`);
      acks[index * 4] = 0x40;
      acks[index * 4 + 1] = 2;
      acks[index * 4 + 2] = source[start + idOffset]!;
      acks[index * 4 + 3] = source[start + idOffset + 1]!;
    }
    bytes.copy(carry, carried, at, length);
    carried += length - at;
    if (count === 0) return;
    client.socket.write(acks);
    onMessages(count);
  };
}

async function manySockets(port: number, stopped: () => boolean): Promise<Progress> {
  const progress = { done: 0, sent: 0, missing: () => progress.sent - received };
  let received = 0;
  let receivedBytes = 0;
  const { packetBytes } = publishBlock('bench/sensor000/data', 0, 1);
  const subscriber = await RawClient.open(port, 'sub', 'bench/+/data');
  subscriber.onBytes = (_bytes, length) => {
    receivedBytes += length;
    received = Math.floor(receivedBytes / packetBytes);
  };
  const starts: (() => void)[] = [];
  for (let index = 0; index < SOCKETS; index++) {
    const client = await RawClient.open(port, `pub-${index}`);
    const { bytes } = publishBlock(`bench/sensor${String(index).padStart(3, '0')}/data`, 1, 1);
    const send = () => {
      if (stopped()) return;
      progress.sent++;
      client.socket.write(bytes);
    };
    let ackBytes = 0;
    client.onBytes = (_bytes, length) => {
      ackBytes += length;
      if (ackBytes < 4) return;
      ackBytes = 0;
      progress.done++;
      send();
    };
    starts.push(send);
  }
  for (const start of starts) start();
  return progress;
}
