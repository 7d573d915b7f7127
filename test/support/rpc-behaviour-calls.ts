import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CodedError } from '../../core/base/errors.ts';
import { RawScreen } from './rpc-screen.ts';
import { failureOfCall } from './rpc-bench.ts';
import type { RpcBench } from './rpc-bench.ts';

export function describeCalls(bench: RpcBench): void {
  describe('calls', () => {
    it('welcomes with role, name and time', async () => {
      const welcome = await new RawScreen(bench.rig.connect('operate')).next('welcome');
      expect(welcome).toEqual({
        kind: 'welcome',
        version: 1,
        role: 'operate',
        station: 'test station',
        nowMs: bench.clock.now(),
      });
    });

    it('hands over parsed input with defaults and brings back the answer', async () => {
      bench.test.on('topics.list', (params) => ({ got: params }));
      const answer = await bench.client().call('topics.list', { search: 'room' });
      expect(answer).toEqual({ got: { expanded: [], search: 'room', perParent: 500 } });
    });

    it('answers undefined and null apart from each other', async () => {
      bench.test.on('station.info', () => undefined);
      bench.test.on('station.status', () => null);
      const one = bench.client();
      expect(await one.call('station.info', {})).toBeUndefined();
      expect(await one.call('station.status', {})).toBeNull();
    });

    it('carries typed arrays unharmed: odd offsets, empty ones, NaN, many, large', async () => {
      const backing = new ArrayBuffer(64);
      const odd = new Uint8Array(backing, 3, 7).fill(9);
      const shifted = new Float64Array(backing, 16, 2);
      shifted.set([-0, Infinity]);
      const large = Float64Array.from({ length: 200_000 }, (_, index) => index / 3);
      const answer = {
        odd,
        shifted,
        buffer: Buffer.from('a Buffer'),
        empty: [new Float64Array(0), new Int32Array(0), new Uint8Array(0)],
        ints: new Int32Array([-1, 2 ** 31 - 1, -(2 ** 31)]),
        nan: new Float64Array([NaN, -Infinity, Number.MIN_VALUE]),
        nested: { list: [{ name: 'ä€𝄞', data: new Uint8Array([1]) }, null, 5] },
        large,
      };
      bench.test.on('readings.query', () => answer);
      const got: unknown = await bench.client().call('readings.query', { series: 1 });
      expect(got).toEqual({ ...answer, buffer: new Uint8Array(Buffer.from('a Buffer')) });
      const { buffer, shifted: shiftedGot } = got as typeof answer;
      expect(Object.is(shiftedGot[0], -0)).toBe(true);
      expect(Object.getPrototypeOf(buffer)).toBe(Uint8Array.prototype);
      expect(answer.odd.byteLength).toBe(7);
    });

    it('takes typed arrays in, also at odd offsets', async () => {
      const whole = Uint8Array.from({ length: 20 }, (_, index) => index);
      bench.test.on('coap.request', (params: { payload: Uint8Array }) => ({
        kind: params.payload.constructor.name,
        bytes: [...params.payload],
      }));
      const answer: unknown = await bench.client().call('coap.request', {
        uri: 'coap://x/y',
        payload: whole.subarray(5, 8),
      });
      expect(answer).toEqual({ kind: 'Uint8Array', bytes: [5, 6, 7] });
    });

    it('refuses bad input and says where it is wrong', async () => {
      const one = bench.client();
      const series = await failureOfCall(one.call('readings.query', { series: [1, -5] }));
      expect(series.code).toBe('rpc.bad_input');
      expect(series.message).toMatch(/^readings\.query: series\b/);
      const id = await failureOfCall(one.call('devices.get', { id: 'seven' } as never));
      expect(id.message).toMatch(/^devices\.get: id: /);
      const none = await failureOfCall(one.call('devices.get', 7 as never));
      expect(none.message).toMatch(/^devices\.get: params: /);
      expect(bench.host.counters.badInputs).toBe(3);
    });

    it('refuses unknown names, also those of every object', async () => {
      const one = bench.client();
      for (const name of ['nope', 'constructor', '__proto__', 'toString']) {
        expect((await failureOfCall(one.call(name as never, {} as never))).code).toBe('rpc.unknown_method');
      }
    });

    it('checks the role before the input and the handler', async () => {
      let ran = 0;
      bench.test.on('coap.discover', () => ++ran);
      const viewer = bench.client('view');
      const error = await failureOfCall(viewer.call('coap.discover', { uri: 'not even a uri' }));
      expect(error.code).toBe('rpc.forbidden');
      expect(viewer.role).toBe('view');
      expect(await bench.client('operate').call('coap.discover', { uri: 'coap://x' })).toBe(1);
      expect(await bench.client('admin').call('coap.discover', { uri: 'coap://x' })).toBe(2);
      expect(bench.host.counters.forbidden).toBe(1);
    });

    it('passes coded errors on, with their detail', async () => {
      bench.test.on('devices.get', () => {
        throw new CodedError('devices.unknown', 'There is no device 7.', { detail: { id: 7 } });
      });
      const error = await failureOfCall(bench.client().call('devices.get', { id: 7 }));
      expect(error).toMatchObject({
        code: 'devices.unknown',
        message: 'There is no device 7.',
        detail: { id: 7 },
      });
    });

    it('keeps what nobody foresaw in the log, under a reference', async () => {
      bench.test.on('devices.get', () => Promise.reject(new TypeError('at /home/secret/file.ts')));
      const error = await failureOfCall(bench.client().call('devices.get', { id: 7 }));
      expect(error.code).toBe('internal');
      expect(JSON.stringify([error.message, error.detail])).not.toContain('secret');
      const reference = String(error.detail?.reference);
      expect(reference).toMatch(/^[0-9a-f]{8}$/);
      expect(error.message).toContain(reference);
      expect(bench.errors).toHaveLength(1);
      expect(bench.errors[0]?.fields).toMatchObject({ what: 'devices.get', reference });
      expect(String(bench.errors[0]?.fields?.stack)).toContain('/home/secret/file.ts');
    });

    it('survives an answer that cannot be sent', async () => {
      bench.test.on('devices.get', () => ({ callback: () => 1, big: 1n, when: new BigInt64Array(1) }));
      const one = bench.client();
      expect((await failureOfCall(one.call('devices.get', { id: 1 }))).code).toMatch(
        /internal|rpc\.unsendable/,
      );
      bench.test.on('devices.get', () => 'well');
      expect(await one.call('devices.get', { id: 1 })).toBe('well');
    });

    it('tells the handler when a call is cancelled, and drops what comes late', async () => {
      const started = Promise.withResolvers<AbortSignal>();
      const release = Promise.withResolvers<string>();
      bench.test.on('station.info', (_params, { signal }) => {
        started.resolve(signal);
        return release.promise;
      });
      const raw = await bench.screen();
      raw.send({ kind: 'call', id: 1, method: 'station.info', params: {} });
      const signal = await started.promise;
      raw.send({ kind: 'cancel', id: 1 });
      await raw.settled();
      expect(signal.aborted).toBe(true);
      release.resolve('too late');
      await raw.settled();
      expect(raw.frames.filter(({ kind }) => kind === 'ok' || kind === 'err')).toEqual([]);
    });

    it('gives up by signal and by time on the client side', async () => {
      const signals: AbortSignal[] = [];
      bench.test.on('station.info', (_params, { signal }) => {
        signals.push(signal);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('told to stop')));
        });
      });
      bench.test.on('station.status', () => 'alive');
      const one = bench.client();
      // The connection is up from here on: both calls go out before their time runs.
      await one.call('station.status', {});
      const abort = new AbortController();
      const call = failureOfCall(one.call('station.info', {}, { signal: abort.signal }));
      const timed = failureOfCall(one.call('station.info', {}, { timeoutMs: 30 }));
      await one.call('station.status', {});
      abort.abort();
      expect((await call).code).toBe('rpc.cancelled');
      expect((await timed).code).toBe('rpc.timeout');
      const never = one.call('station.info', {}, { signal: abort.signal });
      expect((await failureOfCall(never)).code).toBe('rpc.cancelled');
      await one.call('station.status', {});
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
      expect(bench.errors).toEqual([]);
    });

    it('runs at most 64 calls of a screen, cancelled ones counted until they end', async () => {
      const release = Promise.withResolvers<string>();
      bench.test.on('station.info', () => release.promise);
      const raw = await bench.screen();
      for (let id = 1; id <= 65; id++) raw.send({ kind: 'call', id, method: 'station.info', params: {} });
      expect((await raw.next('err')).id).toBe(65);
      for (let id = 1; id <= 64; id++) raw.send({ kind: 'cancel', id });
      raw.send({ kind: 'call', id: 66, method: 'station.info', params: {} });
      const refused = await raw.next('err', ({ id }) => id === 66);
      expect(refused.error.code).toBe('rpc.too_many_calls');
      expect(bench.host.counters.tooManyCalls).toBe(2);
      release.resolve('done');
      await setImmediate();
      raw.send({ kind: 'call', id: 67, method: 'station.info', params: {} });
      expect(await raw.next('ok', ({ id }) => id === 67)).toMatchObject({ result: 'done' });
    });

    it('queues more calls than that in the client', async () => {
      bench.test.on('devices.get', async ({ id }: { id: number }) => {
        await setImmediate();
        return id;
      });
      const one = bench.client();
      const ids = Array.from({ length: 300 }, (_, index) => index);
      expect(await Promise.all(ids.map((id) => one.call('devices.get', { id })))).toEqual(ids);
    });
  });
}
