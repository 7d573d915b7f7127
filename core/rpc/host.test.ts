import { describe, expect, it } from 'vitest';
import { CodedError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { testHandlers } from '../../test/support/rpc-handlers.ts';
import { RawScreen } from '../../test/support/rpc-screen.ts';
import { BUSY_BYTES, MAX_BUSY_ANSWERS } from './host-session.ts';
import { createRpcHost } from './host.ts';
import { memoryPair } from './memory.ts';
import type { Handlers } from './types.ts';

const options = { clock: new ManualClock(), log: silentLog };

describe('createRpcHost', () => {
  const refusal = (handlers: unknown): CodedError => {
    try {
      createRpcHost(handlers as Handlers, options);
    } catch (error) {
      return error as CodedError;
    }
    throw new Error('was accepted');
  };

  it('refuses to start without a handler, and says which', () => {
    const { handlers } = testHandlers();
    const { 'coap.request': _gone, ...rest } = handlers.methods;
    const error = refusal({ ...handlers, methods: rest });
    expect(error).toBeInstanceOf(CodedError);
    expect(error.code).toBe('rpc.handlers');
    expect(error.message).toContain('coap.request');
  });

  it('refuses handlers that the contract does not know', () => {
    const { handlers } = testHandlers();
    const error = refusal({
      ...handlers,
      subscriptions: { ...handlers.subscriptions, secrets: () => undefined },
    });
    expect(error.detail).toEqual({ missing: [], unknown: ['secrets'] });
  });

  it('refuses handlers that are no functions', () => {
    const { handlers } = testHandlers();
    const error = refusal({ ...handlers, methods: { ...handlers.methods, 'devices.get': 'soon' } });
    expect(error.detail).toEqual({ missing: ['devices.get'], unknown: [] });
  });
});

describe('a screen that does not read', () => {
  it('is refused new work, and dropped when it goes on asking', async () => {
    const test = testHandlers();
    test.on('station.info', () => 'answer');
    const host = createRpcHost(test.handlers, options);
    const pair = memoryPair();
    let buffered = 0;
    let ended = 0;
    host.accept(
      { ...bound(pair.host), bufferedBytes: () => buffered },
      { role: 'admin', onEnd: () => void ended++ },
    );
    const screen = new RawScreen(pair.client);
    buffered = BUSY_BYTES + 1;
    screen.send({ kind: 'call', id: 1, method: 'station.info', params: {} });
    expect(await screen.next('err')).toMatchObject({ id: 1, error: { code: 'rpc.busy' } });
    screen.send({ kind: 'sub', id: 2, topic: 'devices', params: {} });
    expect(await screen.next('end')).toMatchObject({ id: 2, error: { code: 'rpc.busy' } });
    buffered = 0;
    screen.send({ kind: 'call', id: 3, method: 'station.info', params: {} });
    expect(await screen.next('ok')).toMatchObject({ id: 3, result: 'answer' });
    buffered = BUSY_BYTES + 1;
    for (let id = 4; id <= 4 + MAX_BUSY_ANSWERS; id++) {
      screen.send({ kind: 'call', id, method: 'station.info', params: {} });
    }
    expect(await screen.closed()).toContain('does not read');
    expect([ended, host.sessions]).toEqual([1, 0]);
    expect(screen.frames.filter(({ kind }) => kind === 'err')).toHaveLength(1 + MAX_BUSY_ANSWERS);
  });
});

describe('large answers that were asked for all at once', () => {
  it('are sent until a screen has enough to read, and refused from then on', async () => {
    const test = testHandlers();
    const host = createRpcHost(test.handlers, options);
    const pair = memoryPair();
    let buffered = 0;
    host.accept({ ...bound(pair.host), bufferedBytes: () => buffered }, { role: 'view' });
    const screen = new RawScreen(pair.client);
    const answers: (() => void)[] = [];
    test.on('station.info', () => new Promise((resolve) => answers.push(() => resolve('large'))));
    for (const id of [1, 2]) screen.send({ kind: 'call', id, method: 'station.info', params: {} });
    await expect.poll(() => answers.length).toBe(2);
    answers[0]!();
    expect(await screen.next('ok')).toMatchObject({ id: 1, result: 'large' });
    buffered = BUSY_BYTES + 1;
    answers[1]!();
    expect(await screen.next('err')).toMatchObject({ id: 2, error: { code: 'rpc.busy' } });
    expect(host.counters.busy).toBe(1);
  });
});

describe('a stopped host', () => {
  it('turns new screens away', async () => {
    const host = createRpcHost(testHandlers().handlers, options);
    host.stop();
    host.stop();
    const pair = memoryPair();
    expect(host.accept(pair.host, { role: 'view' }).ended).toBe(true);
    expect(await new RawScreen(pair.client).next('err')).toMatchObject({ error: { code: 'rpc.stopping' } });
    expect(host.sessions).toBe(0);
  });
});

/** The methods of a class instance as own properties, so that one of them can be replaced. */
function bound(transport: ReturnType<typeof memoryPair>['host']): typeof transport {
  return {
    send: (frame) => transport.send(frame),
    onFrame: (listener) => transport.onFrame(listener),
    onClose: (listener) => transport.onClose(listener),
    close: (reason) => transport.close(reason),
    bufferedBytes: () => transport.bufferedBytes(),
  };
}
