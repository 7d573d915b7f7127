/** ETSI's lossy CORE cases: each message lost once, and a network that loses at random. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { ByteClient, hexOf } from '../support/coap-plugtest-bytes.ts';
import { LibcoapServer, missingLibcoap, runCoapClient } from '../support/coap-plugtest-libcoap.ts';
import type { ClientRun } from '../support/coap-plugtest-libcoap.ts';
import { PickyRelay } from '../support/coap-plugtest-relay.ts';
import type { Passed } from '../support/coap-plugtest-relay.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingLibcoap('udp');
const text = (response: CoapResponse): string => Buffer.from(response.payload).toString();

type Loses = (datagram: Omit<Passed, 'lost'>) => boolean;

/** The first in that direction that is `wanted`. */
function first(to: Passed['to'], wanted: (datagram: Omit<Passed, 'lost'>) => boolean): Loses {
  let done = false;
  return (datagram) => {
    if (done || datagram.to !== to || !wanted(datagram)) return false;
    done = true;
    return true;
  };
}

const isRequest = ({ code }: { code: string }): boolean => code === '0.01';
const isAnswer = ({ code }: { code: string }): boolean => code === '2.05';
const isEmptyAck = ({ type, code }: { type: string; code: string }): boolean =>
  type === 'ACK' && code === '0.00';

/** Shorter than the 2 to 3 s of libcoap, and long enough for a busy machine to answer in. */
const ACK_TIMEOUT_MS = 800;

async function ourClient(ackTimeoutMs: number): Promise<CoapEndpoint> {
  const parameters = { ackTimeoutMs, maxRetransmit: 8 };
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10, parameters });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  return endpoint;
}

/** A repeated message is the same to the last octet (RFC 7252 §4.2). */
function expectRepeated(relay: PickyRelay, wanted: (datagram: Passed) => boolean): void {
  const copies = relay.passed.filter(wanted);
  expect(copies.length).toBeGreaterThan(1);
  for (const { bytes } of copies) expect(bytes.equals(copies[0]!.bytes)).toBe(true);
}

// libcoap takes its time: all at once, each through a relay of its own.
describe.skipIf(missing.length > 0)('our client and libcoap with losses', () => {
  let libcoap: LibcoapServer;
  let endpoint: CoapEndpoint;
  beforeAll(async () => {
    libcoap = await LibcoapServer.start('udp', '-d', '10');
    endpoint = await ourClient(ACK_TIMEOUT_MS);
  });
  afterAll(async () => {
    await endpoint?.stop();
    await libcoap?.stop();
  });

  async function through(
    path: string,
    loses: Loses,
    after: (relay: PickyRelay) => Promise<void> = () => Promise.resolve(),
    asking = endpoint,
  ): Promise<{ response: CoapResponse; relay: PickyRelay }> {
    const relay = await PickyRelay.start(libcoap.port, loses);
    try {
      const response = await asking.request(`coap://127.0.0.1:${relay.port}${path}`);
      await after(relay);
      return { response, relay };
    } finally {
      await relay.stop();
    }
  }

  test.concurrent('TD_COAP_CORE_15: the request is lost', async () => {
    const { response, relay } = await through('/time', first('server', isRequest));
    expect(relay.story).toEqual(['>x CON 0.01', '> CON 0.01', '< ACK 2.05']);
    expectRepeated(relay, isRequest);
    expect([response.code, response.retransmissions]).toEqual(['2.05', 1]);
  });

  test.concurrent('TD_COAP_CORE_15: the answer is lost', async () => {
    const { response, relay } = await through('/time', first('client', isAnswer));
    expect(relay.story).toEqual(['> CON 0.01', '<x ACK 2.05', '> CON 0.01', '< ACK 2.05']);
    expectRepeated(relay, isRequest);
    expect([response.code, response.retransmissions]).toEqual(['2.05', 1]);
  });

  test.concurrent("TD_COAP_CORE_15: libcoap's own -l loses its first answer", async () => {
    const lossy = await LibcoapServer.start('udp', '-l', '1');
    try {
      const response = await endpoint.request(`${lossy.base}/time`);
      expect([response.code, response.retransmissions]).toEqual(['2.05', 1]);
      const seen = (await lossy.take(3)).filter(({ way }) => way === 'received');
      expect(seen.map(({ type, code }) => `${type} ${code}`)).toEqual(['CON GET', 'CON GET']);
      expect(seen[1]!.messageId).toBe(seen[0]!.messageId);
    } finally {
      await lossy.stop();
    }
  });

  test.concurrent('TD_COAP_CORE_15: twenty requests where every fourth datagram is lost', async () => {
    const relay = new UdpRelay({ host: '127.0.0.1', port: libcoap.port }, { loss: 0.25, seed: 133 });
    await relay.start();
    const quick = await ourClient(80);
    try {
      let retransmissions = 0;
      for (let i = 0; i < 20; i++) {
        const response = await quick.request(`coap://127.0.0.1:${relay.port}/time`);
        expect(response.code).toBe('2.05');
        retransmissions += response.retransmissions;
      }
      expect(relay.counts.lost).toBeGreaterThan(7);
      expect(retransmissions).toBeGreaterThanOrEqual(relay.counts.lost);
    } finally {
      await quick.stop();
      await relay.stop();
    }
  });

  test.concurrent('TD_COAP_CORE_16: the request is lost', async () => {
    const { response, relay } = await through('/async?1', first('server', isRequest), (one) =>
      until(() => one.passed.length === 5),
    );
    expect(relay.story).toEqual(['>x CON 0.01', '> CON 0.01', '< ACK 0.00', '< CON 2.05', '> ACK 0.00']);
    expectRepeated(relay, isRequest);
    expect([response.code, text(response), response.retransmissions]).toEqual(['2.05', 'done', 1]);
  });

  test.concurrent(
    'TD_COAP_CORE_16: every acknowledgement of the request is lost, the answer stops the repeating',
    async () => {
      const quick = await ourClient(250);
      const { response, relay } = await through(
        '/async?1',
        ({ to, ...one }) => to === 'client' && isEmptyAck(one),
        (one) => until(() => one.story.includes('> ACK 0.00')),
        quick,
      ).finally(() => quick.stop());
      const { story } = relay;
      const answered = story.indexOf('< CON 2.05');
      expect(story.slice(0, 3)).toEqual(['> CON 0.01', '<x ACK 0.00', '> CON 0.01']);
      expect(story.slice(answered)).toEqual(['< CON 2.05', '> ACK 0.00']);
      expectRepeated(relay, isRequest);
      expect([response.code, text(response)]).toEqual(['2.05', 'done']);
      expect(response.retransmissions).toBe(relay.passed.filter(isRequest).length - 1);
    },
  );

  test.concurrent('TD_COAP_CORE_16: nothing is lost, an acknowledged request is not repeated', async () => {
    const quick = await ourClient(500);
    const { response, relay } = await through(
      '/async?1',
      () => false,
      (one) => until(() => one.passed.length === 4),
      quick,
    ).finally(() => quick.stop());
    expect(relay.story).toEqual(['> CON 0.01', '< ACK 0.00', '< CON 2.05', '> ACK 0.00']);
    expect([text(response), response.retransmissions]).toEqual(['done', 0]);
  });

  test.concurrent('TD_COAP_CORE_16: the answer is lost', async () => {
    const { response, relay } = await through('/async?1', first('client', isAnswer), (one) =>
      until(() => one.passed.length === 5),
    );
    expect(relay.story).toEqual(['> CON 0.01', '< ACK 0.00', '<x CON 2.05', '< CON 2.05', '> ACK 0.00']);
    expectRepeated(relay, isAnswer);
    expect([response.code, text(response), response.retransmissions]).toEqual(['2.05', 'done', 0]);
  });

  test.concurrent('TD_COAP_CORE_16: the acknowledgement of the answer is lost', async () => {
    const { response, relay } = await through('/async?1', first('server', isEmptyAck), (one) =>
      until(() => one.passed.length === 6),
    );
    expect(relay.story).toEqual([
      '> CON 0.01', '< ACK 0.00', '< CON 2.05', '>x ACK 0.00', '< CON 2.05', '> ACK 0.00',
    ]); // prettier-ignore
    expectRepeated(relay, isAnswer);
    expectRepeated(relay, (one) => one.to === 'server' && isEmptyAck(one));
    expect([response.code, text(response)]).toEqual(['2.05', 'done']);
  });
});

describe.skipIf(missing.length > 0)('our server and libcoap with losses', () => {
  let server: PlugtestServer;
  beforeAll(async () => {
    server = await PlugtestServer.start({ parameters: { ackTimeoutMs: ACK_TIMEOUT_MS } });
  });
  afterAll(() => server?.stop());

  async function through(
    path: string,
    loses: Loses,
    ...args: string[]
  ): Promise<{ run: ClientRun; relay: PickyRelay }> {
    const relay = await PickyRelay.start(server.port('udp'), loses);
    try {
      const run = await runCoapClient('udp', [...args, `coap://127.0.0.1:${relay.port}${path}`]);
      return { run, relay };
    } finally {
      await relay.stop();
    }
  }

  test.concurrent("TD_COAP_CORE_15: the request is lost, by libcoap's -l", async () => {
    const { run, relay } = await through('/test', () => false, '-l', '1');
    expect(relay.story).toEqual(['> CON 0.01', '< ACK 2.05']);
    expect([run.shown, run.complaint]).toEqual(['the test resource', '']);
  });

  test.concurrent('TD_COAP_CORE_15: the answer is lost, the request is carried out once', async () => {
    const { run, relay } = await through('/query?the-answer-is-lost', first('client', isAnswer));
    expect(relay.story).toEqual(['> CON 0.01', '<x ACK 2.05', '> CON 0.01', '< ACK 2.05']);
    expectRepeated(relay, isRequest);
    expectRepeated(relay, isAnswer);
    expect(run.shown).toBe('the-answer-is-lost');
    expect(server.resources.asked.filter(({ path }) => path === 'query')).toHaveLength(1);
  });

  test.concurrent('TD_COAP_CORE_16: the request is lost', async () => {
    const { run, relay } = await through('/separate', first('server', isRequest));
    expect(relay.story).toEqual(['>x CON 0.01', '> CON 0.01', '< ACK 0.00', '< CON 2.05', '> ACK 0.00']);
    expect(run.shown).toBe('it took a while');
  });

  test.concurrent(
    'TD_COAP_CORE_16: the acknowledgement of the request is lost, the answer stops the repeating',
    async () => {
      const { run, relay } = await through('/separate', first('client', isEmptyAck));
      expect(relay.story).toEqual(['> CON 0.01', '<x ACK 0.00', '< CON 2.05', '> ACK 0.00']);
      expect(run.shown).toBe('it took a while');
    },
  );

  test.concurrent('TD_COAP_CORE_16: the answer is lost', async () => {
    const { run, relay } = await through('/separate', first('client', isAnswer));
    expect(relay.story).toEqual(['> CON 0.01', '< ACK 0.00', '<x CON 2.05', '< CON 2.05', '> ACK 0.00']);
    expectRepeated(relay, isAnswer);
    expect(run.shown).toBe('it took a while');
  });

  // libcoap 4.3.1 says nothing to a CON that it has had before (RFC 7252 §4.2 wants each acknowledged).
  test.concurrent('TD_COAP_CORE_16: the acknowledgement of the answer is lost', async () => {
    const client = await ByteClient.connect('udp', server.port('udp'));
    try {
      client.send({ type: 0, code: '01', messageId: '1234', token: 'c0fe', rest: `b8${hexOf('separate')}` });
      const [ack, answer, again] = await client.next(3);
      expect(ack).toEqual({ type: 2, code: '00', messageId: '1234', token: '', rest: '' });
      expect(answer).toMatchObject({ type: 0, code: '45', token: 'c0fe' });
      expect(again).toEqual(answer);
      client.send({ type: 2, code: '00', messageId: again!.messageId });
      // What is asked afterwards is answered in a CON too: the earlier one is no longer under way (NSTART).
      client.send({ type: 0, code: '01', messageId: '1235', token: 'c1', rest: `b8${hexOf('separate')}` });
      const [, later] = await client.next(2);
      expect(later).toMatchObject({ type: 0, code: '45', token: 'c1' });
      client.send({ type: 2, code: '00', messageId: later!.messageId });
    } finally {
      await client.close();
    }
  });
});

/** Until `condition` holds; gives up after ten seconds, and the story tells. */
async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
