import { describe, expect, it } from 'vitest';
import type { CoapExchange, CoapNotification } from '../../../../../core/contract/coap-browser.ts';
import type { CoapResponseView } from '../../../../../core/contract/coap.ts';
import { simple, timed } from '../../../../../test/support/console-coap-steps.ts';
import { withDelta } from './exchange-steps.ts';
import { freshnessOf } from './freshness.ts';
import { readLinks, resolveTarget } from './link-lines.ts';
import { LocalReadings } from './local-readings.ts';
import { isNewer, perMinute, shortText, withNew } from './notifications.ts';
import { responseBefore } from './previous-response.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('freshness', () => {
  it('runs out and then says for how long', () => {
    const at = (nowMs: number) => {
      const { words, share, stale } = freshnessOf(1_000, 60, nowMs);
      return [plain(words), share, stale];
    };
    expect(at(1_000)).toEqual(['fresh for 1 min 0 s', 1, false]);
    expect(at(31_000)).toEqual(['fresh for 30 s', 0.5, false]);
    expect(at(60_500)).toEqual(['fresh for 1 s', expect.closeTo(0.0083, 3), false]);
    expect(at(71_000)).toEqual(['stale for 10 s', 0, true]);
  });

  it('knows answers that may not be kept, and those that never end', () => {
    expect(freshnessOf(0, 0, 0)).toMatchObject({ stale: true, words: 'good for this moment only' });
    expect(freshnessOf(0, 0xffff_ffff, 0).words).toBe('fresh for more than a year');
    // A clock that is behind is no reason for more than was promised.
    expect(freshnessOf(10_000, 30, 0).leftMs).toBe(30_000);
  });
});

describe('link-format as a table', () => {
  const uri = 'coap://10.0.0.7:5683/.well-known/core';

  it('reads targets and attributes, quoted, bare and flags', () => {
    const { links, problem } = readLinks(
      '</s/t>;rt="temp \\"c\\", x";ct="0 50";obs,\n</a>;sz=64,<coap+tcp://h/b>;anchor="/a",<http://x>',
      uri,
    );
    expect(problem).toBeNull();
    expect(links).toEqual([
      {
        target: '/s/t',
        uri: 'coap://10.0.0.7:5683/s/t',
        attributes: [
          { name: 'rt', value: 'temp "c", x' },
          { name: 'ct', value: '0 50' },
          { name: 'obs', value: '' },
        ],
      },
      { target: '/a', uri: 'coap://10.0.0.7:5683/a', attributes: [{ name: 'sz', value: '64' }] },
      { target: 'coap+tcp://h/b', uri: 'coap+tcp://h/b', attributes: [{ name: 'anchor', value: '/a' }] },
      { target: 'http://x', uri: null, attributes: [] },
    ]);
  });

  it('keeps what came before a fault and says where it is', () => {
    expect(readLinks('</a>,nonsense', uri)).toMatchObject({
      links: [{ target: '/a' }],
      problem: 'The text is no link-format from character 6 on.',
    });
    expect(readLinks('', uri)).toEqual({ links: [], leftOut: 0, problem: null });
    expect(readLinks('</a>,', uri).problem).not.toBeNull();
  });

  it('bounds what it lists and counts the rest', () => {
    const text = Array.from({ length: 2_100 }, (_, i) => `</${i}>`).join(',');
    const { links, leftOut } = readLinks(text, uri);
    expect([links.length, leftOut]).toEqual([2_000, 100]);
  });

  it('resolves references against what was asked', () => {
    const from = 'coap://h/a/b?x=1';
    expect(['/c', 'c', '?y', '', '//k/d', 'coaps+ws://k/', 'mailto:a'].map((one) => resolveTarget(one, from))).toEqual([
      'coap://h/c',
      'coap://h/a/c',
      'coap://h/a/b?y',
      'coap://h/a/b',
      'coap://k/d',
      'coaps+ws://k/',
      null,
    ]); // prettier-ignore
    expect(resolveTarget('c', 'coap://h')).toBe('coap://h/c');
  });
});

function notification(observe: number | null, receivedMs: number, value = 21.5): CoapNotification {
  const payload = new TextEncoder().encode(String(value));
  return {
    receivedMs,
    code: '2.05',
    codeName: 'Content',
    observe,
    contentFormat: 0,
    maxAgeSeconds: 60,
    payload,
    bytes: payload.length,
    values: [{ name: '', unit: 'Cel', value }],
  };
}

describe('notifications', () => {
  it('orders by the Observe value, around its end too (RFC 7641 §3.4)', () => {
    const newer = (v1: number, v2: number, afterMs = 1_000): boolean =>
      isNewer(notification(v1, 0), notification(v2, afterMs));
    expect([newer(1, 2), newer(2, 1), newer(2 ** 24 - 1, 0), newer(0, 2 ** 24 - 1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(newer(5, 4, 128_001)).toBe(true);
    expect(isNewer(notification(null, 0), notification(3, 1))).toBe(true);
  });

  it('puts the newest in front, marks the late ones and lets the oldest go', () => {
    const list = withNew(
      [],
      [notification(5, 0), notification(7, 10), notification(6, 20), notification(8, 30)],
      0,
    );
    expect(list.map(({ observe, reordered, number }) => [observe, reordered, number])).toEqual([
      [8, false, 3],
      [6, true, 2],
      [7, false, 1],
      [5, false, 0],
    ]);
    const many = Array.from({ length: 600 }, (_, i) => notification(i + 9, 40 + i));
    expect(withNew(list, many, 4)).toHaveLength(500);
  });

  it('counts a minute back, or since the first', () => {
    const every = (ms: number, count: number) =>
      Array.from({ length: count }, (_, i) => notification(i, 200_000 - i * ms));
    expect(perMinute(every(1_000, 11), 200_000)).toBeCloseTo(60);
    expect(perMinute(every(1_000, 200), 200_000)).toBe(60);
    expect(perMinute(every(1_000, 1), 200_000)).toBeNull();
    expect(perMinute(every(10, 3), 200_000)).toBeNull();
    expect(perMinute([], 0)).toBeNull();
  });

  it('says what it says in one line', () => {
    expect(plain(shortText(notification(1, 0)))).toBe('21.5 °C');
    const bytes = { ...notification(1, 0), values: [], payload: Uint8Array.of(0xff, 0xfe), bytes: 2 };
    expect(shortText(bytes)).toBe('ff fe');
    expect(shortText({ ...bytes, payload: new Uint8Array(), bytes: 0 })).toBe('no payload');
  });

  it('feeds a chart: what was and what comes, of a bounded number of series', async () => {
    const local = new LocalReadings();
    expect(local.take([notification(1, 1_000, 20)])).toBe(true);
    expect(local.series).toMatchObject([{ id: 1, label: 'Value', unit: 'Cel' }]);
    const heard: number[] = [];
    const stop = local.source.subscribe(
      'readings',
      { series: [1] },
      { snapshot: ({ v }) => heard.push(...v), delta: ({ v }) => heard.push(...v) },
    );
    expect(local.take([notification(2, 2_000, 21)])).toBe(false);
    expect(heard).toEqual([20, 21]);
    stop();
    const answer = await local.source.call('readings.query', {
      series: [1],
      from: 1_500,
      to: 3_000,
      maxPoints: 100,
    });
    expect([...answer.series[0]!.v]).toEqual([21]);
    const values = Array.from({ length: 12 }, (_, i) => ({ name: `n${i}`, unit: '', value: i }));
    local.take([{ ...notification(3, 3_000), values }]);
    expect([local.series.length, local.leftOut.size]).toEqual([8, 5]);
    expect(heard).toEqual([20, 21]);
  });
});

describe('steps as they come in', () => {
  const steps = timed(simple(), 0);
  const base: CoapExchange = {
    exchange: 'a',
    uri: null,
    method: null,
    state: 'running',
    steps: [],
    leftOut: 0,
    problem: null,
  };

  it('adds those of a request and takes the station at its word about the rest', () => {
    const next = withDelta({ ...base, steps }, 'a', { ...base, state: 'answered', steps, leftOut: 7 });
    expect([next.steps.length, next.state, next.leftOut]).toEqual([4, 'answered', 7]);
  });

  it('keeps the newest of an observation and counts those that went', () => {
    const many = Array.from({ length: 599 }, () => steps[0]!);
    const next = withDelta({ ...base, steps: many, leftOut: 10 }, 'observe coap://h/', {
      ...base,
      steps,
      leftOut: 90,
    });
    expect([next.steps.length, next.leftOut]).toEqual([600, 11]);
    expect(next.steps.at(-1)).toBe(steps[1]);
  });
});

describe('the answer before', () => {
  it('is that of the same method and address, and stays the same for one answer', () => {
    const answer = (uri: string): CoapResponseView => ({ uri }) as CoapResponseView;
    const [first, second, other] = [answer('coap://h/a'), answer('coap://h/a'), answer('coap://h/b')];
    expect(responseBefore('GET', first)).toBeNull();
    expect(responseBefore('GET', second)).toBe(first);
    expect(responseBefore('GET', second)).toBe(first);
    expect([responseBefore('PUT', second), responseBefore('GET', other)]).toEqual([null, null]);
  });
});
