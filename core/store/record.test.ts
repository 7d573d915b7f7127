import { afterEach, describe, expect, it } from 'vitest';
import {
  cleanUp,
  columns,
  committed,
  device,
  openRecord,
  ramp,
  recordFolder,
  series,
  topic,
} from '../../test/support/records.ts';
import type { Catalog, MessageRecord } from './types.ts';

afterEach(cleanUp);

const EVERYTHING = { from: -Infinity, to: Infinity, maxPoints: 100_000 };

const message: MessageRecord = {
  topic: 'plant/raw',
  receivedMs: 5,
  qos: 1,
  retain: true,
  client: 'gauge',
  payload: new TextEncoder().encode('hello'),
};

describe('restart', () => {
  it('shows no value from ahead of the present that another one has replaced since', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    const nowMs = Date.now();
    const ahead = nowMs + 3_600_000;
    for (const id of [1, 2, 3]) first.putSeries(series(id));
    first.addReadings(columns([1, ahead, 99], [2, nowMs - 9, 20], [3, ahead, 99]), nowMs - 5, false);
    first.addReadings(columns([1, nowMs - 2, 20], [2, ahead, 99], [3, ahead + 1, 98]), nowMs, false);
    await first.close();

    const { lastValues } = (await openRecord(folder)).catalog;
    expect([...lastValues.series]).toEqual([1, 2, 3]);
    expect([...lastValues.v]).toEqual([20, 99, 98]);
    expect([...lastValues.t]).toEqual([nowMs - 2, ahead, ahead + 1]);
    expect([...lastValues.receivedMs]).toEqual([nowMs, nowMs, nowMs]);
  });

  it('shows everything as before', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    expect(first.catalog.devices).toEqual([]);
    const resource = {
      uri: 'coap://10.0.0.7/t',
      authority: 'coap://10.0.0.7',
      path: '/t',
      attributes: { rt: 'temperature', obs: '' },
      observed: true,
      accept: 50,
      removed: false,
    };
    first.putDevice(device(1, { protocols: ['mqtt', 'coap'], coapAuthority: 'coap://10.0.0.7' }));
    first.putSeries(series(1));
    first.putSeries(series(2, { quantity: null, unit: '' }));
    first.putTopic(topic('plant/t', { payload: Buffer.from('21.5'), payloadBytes: 4, rawReason: 'empty' }));
    first.putResource(resource);
    first.addMessage(message, false);
    first.addReadings(columns([1, 1000, 21.5], [1, 3000, 22], [1, 2000, 23]), 3000, false);
    await first.close();

    const second = await openRecord(folder);
    const { catalog } = second;
    expect(catalog.devices).toEqual([
      device(1, { protocols: ['mqtt', 'coap'], coapAuthority: 'coap://10.0.0.7' }),
    ]);
    expect(catalog.series).toEqual([series(1), series(2, { quantity: null, unit: '' })]);
    expect(catalog.resources).toEqual([resource]);
    expect(catalog.topics).toEqual([
      topic('plant/t', { payload: new Uint8Array(Buffer.from('21.5')), payloadBytes: 4, rawReason: 'empty' }),
    ]);
    expect(lastOf(catalog)).toEqual([[1, 3000, 22, 3000]]);
    expect(second.status().committedReadings).toBe(3);
    expect(await second.messages('plant/raw', 10)).toEqual([message]);
    expect(await second.messages('plant/other', 10)).toEqual([]);
    const [read] = await second.query({ series: [1], ...EVERYTHING });
    expect([...read!.t]).toEqual([1000, 2000, 3000]);
  });

  it('keeps who is registered in the CoAP directory until it is gone', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    first.putRegistration({ location: '/rd/1', registration: '{"ep":"a"}' });
    first.putRegistration({ location: '/rd/2', registration: '{"ep":"b"}' });
    await first.close();
    const second = await openRecord(folder);
    expect(second.catalog.registrations).toHaveLength(2);
    second.putRegistration({ location: '/rd/1', registration: null });
    second.putRegistration({ location: '/rd/2', registration: '{"ep":"b","lt":60}' });
    await second.close();
    expect((await openRecord(folder)).catalog.registrations).toEqual([
      { location: '/rd/2', registration: '{"ep":"b","lt":60}' },
    ]);
  });

  it('keeps the time of receipt apart from the time of the device', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    first.putSeries(series(1));
    first.addReadings(columns([1, 1000, 1]), 9000.5, true);
    await first.close();
    expect(lastOf((await openRecord(folder)).catalog)).toEqual([[1, 1000, 1, 9000.5]]);
  });

  it('takes a topic of 65,535 bytes, an empty payload and a text that is no UTF-8', async () => {
    const folder = recordFolder();
    const first = await openRecord(folder);
    const long = 'x'.repeat(65_535);
    first.putTopic(topic(long, { payload: new Uint8Array(0), payloadBytes: 0 }));
    first.addMessage({ ...message, topic: long, payload: Uint8Array.of(0xff, 0xc0) }, true);
    await first.close();
    const second = await openRecord(folder);
    expect(second.catalog.topics[0]!.topic).toBe(long);
    expect((await second.messages(long, 1))[0]!.payload).toEqual(Uint8Array.of(0xff, 0xc0));
  });
});

describe('commits', () => {
  it('tells by its mark when what was added is on disk', async () => {
    const record = await openRecord(recordFolder());
    expect(record.mark()).toBe(record.committedMark);
    record.addReadings(columns([1, 1, 1]), 1, true);
    const mark = record.mark();
    expect(mark).toBeGreaterThan(record.committedMark);
    expect(record.status().pendingReadings).toBe(1);
    await committed(record, mark);
    expect((await record.query({ series: [1], ...EVERYTHING }))[0]!.total).toBe(1);
    expect(record.status()).toMatchObject({ pendingReadings: 0, committedReadings: 1, state: 'ok' });
    expect(record.mark()).toBe(mark);
  });

  it('emits marks in order and never one too early', async () => {
    const record = await openRecord(recordFolder(), { batchReadings: 10 });
    const marks: number[] = [];
    record.committed.on((mark) => marks.push(mark));
    for (let i = 0; i < 20; i++) record.addReadings(ramp(1, 25, i * 25_000), 0, i % 2 === 0);
    const last = record.mark();
    await committed(record, last);
    expect(marks).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect((await record.query({ series: [1], ...EVERYTHING }))[0]!.total).toBe(500);
  });

  it('shares one commit among all that one turn brings', async () => {
    const record = await openRecord(recordFolder());
    for (let i = 0; i < 1000; i++) record.addReadings(columns([1, i, i]), i, true);
    expect(record.mark()).toBe(1);
    await committed(record);
    expect(record.status().committedReadings).toBe(1000);
  });

  it('lets readings that nobody waits for gather, and sends them along with one that is waited for', async () => {
    const record = await openRecord(recordFolder(), { lingerMs: 3_600_000 });
    record.addReadings(columns([1, 1, 1]), 1, false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(record.status().pendingReadings).toBe(1);
    record.addReadings(columns([1, 2, 2]), 2, true);
    await committed(record);
    expect(record.status().committedReadings).toBe(2);
  });

  it('keeps late and duplicate readings, in order of time and then of arrival', async () => {
    const record = await openRecord(recordFolder());
    record.addReadings(columns([1, 10, 1], [1, 10, 2], [1, 20, 3], [1, 10, 4]), 10, true);
    await committed(record);
    record.addReadings(
      columns([1, 10, 5], [1, 5, 6], [2_000_000_000, 10, 7], [2_000_000_000, 10, 8]),
      10,
      true,
    );
    await committed(record);
    const [one, big] = await record.query({ series: [1, 2_000_000_000], ...EVERYTHING });
    expect([...one!.t]).toEqual([5, 10, 10, 10, 10, 20]);
    expect([...one!.v]).toEqual([6, 1, 2, 4, 5, 3]);
    expect([...big!.v]).toEqual([7, 8]);
  });

  it('leaves out what is no reading, and only that', async () => {
    const record = await openRecord(recordFolder());
    record.addReadings(columns([1, 1, NaN], [1, Infinity, 1], [-1, 1, 1], [1, 2, 5]), 1, true);
    await committed(record);
    expect([...(await record.query({ series: [1], ...EVERYTHING }))[0]!.v]).toEqual([5]);
  });

  it('does not keep what the caller uses again', async () => {
    const record = await openRecord(recordFolder());
    const rows = columns([1, 1, 1]);
    const payload = new Uint8Array([7]);
    record.addReadings(rows, 1, true);
    record.addMessage({ ...message, payload }, true);
    rows.v[0] = 99;
    payload[0] = 99;
    await committed(record);
    expect([...(await record.query({ series: [1], ...EVERYTHING }))[0]!.v]).toEqual([1]);
    expect((await record.messages(message.topic, 1))[0]!.payload).toEqual(new Uint8Array([7]));
  });

  it('flushes at close, and can be closed twice', async () => {
    const folder = recordFolder();
    const record = await openRecord(folder, { lingerMs: 3_600_000, coalesceMs: 3_600_000 });
    record.putDevice(device(1));
    record.putDevice(device(1, { lastSeenMs: 77 }));
    record.putTopic(topic('a'));
    record.putTopic(topic('a', { messages: 9 }));
    record.addReadings(ramp(1, 100), 0, false);
    await Promise.all([record.close(), record.close()]);
    expect(record.accepting).toBe(false);
    const again = await openRecord(folder);
    expect(again.status().committedReadings).toBe(100);
    expect(again.catalog.devices[0]!.lastSeenMs).toBe(77);
    expect(again.catalog.topics[0]!.messages).toBe(9);
  });
});

describe('queries', () => {
  it('can be cancelled, before and after they were sent', async () => {
    const record = await openRecord(recordFolder());
    record.addReadings(ramp(1, 50_000), 0, true);
    await committed(record);
    await expect(
      record.query({ series: [1], ...EVERYTHING, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'store.cancelled' });
    const abort = new AbortController();
    const cancelled = record.query({ series: [1], ...EVERYTHING, maxPoints: 100, signal: abort.signal });
    abort.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'store.cancelled' });
    const [kept] = await record.query({ series: [1], ...EVERYTHING, maxPoints: 100 });
    expect(kept!.total).toBe(50_000);
  });

  it('are refused after close', async () => {
    const record = await openRecord(recordFolder());
    await record.close();
    await expect(record.query({ series: [1], ...EVERYTHING })).rejects.toMatchObject({
      code: 'store.stopped',
    });
  });
});

function lastOf({ lastValues }: Catalog): number[][] {
  const { series: ids, t, v, receivedMs } = lastValues;
  return [...ids].map((id, i) => [id, t[i]!, v[i]!, receivedMs[i]!]);
}
