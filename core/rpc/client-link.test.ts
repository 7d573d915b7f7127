import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { createClient } from './client.ts';
import type { ClientFrame, HostFrame } from '../contract/frames.ts';
import type { ClientTransport, RpcClient } from './types.ts';

/** The far end of one connection, played by the test. */
class FakeLine implements ClientTransport {
  readonly sent: ClientFrame[] = [];
  closed: string | undefined;
  #onFrame: ((frame: HostFrame) => void) | undefined;
  #onClose: ((reason: string) => void) | undefined;

  send(frame: ClientFrame): void {
    this.sent.push(frame);
  }

  onFrame(listener: (frame: HostFrame) => void): void {
    this.#onFrame = listener;
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener;
  }

  close(reason = 'closed'): void {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.#onClose?.(reason);
  }

  bufferedBytes(): number {
    return 0;
  }

  deliver(frame: HostFrame): void {
    this.#onFrame?.(frame);
  }

  welcome(nowMs: number, version = 1): void {
    this.deliver({ kind: 'welcome', version, role: 'view', station: 's', nowMs });
  }
}

let clock: ManualClock;
let lines: FakeLine[];
let states: string[];
let connect: () => Promise<ClientTransport> | ClientTransport;

beforeEach(() => {
  clock = new ManualClock();
  lines = [];
  states = [];
  connect = () => {
    const line = new FakeLine();
    lines.push(line);
    return line;
  };
});

/** Lets the promises of an attempt run. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
};

async function start(random = 0.999999): Promise<RpcClient> {
  const client = createClient(() => connect(), { clock, random: () => random });
  client.onState((state, reason) => states.push(reason === '' ? state : `${state}: ${reason}`));
  await settle();
  return client;
}

describe('connecting', () => {
  it('is connecting until the welcome', async () => {
    const client = await start();
    expect([client.state, client.role]).toEqual(['connecting', null]);
    lines[0]!.welcome(clock.now() + 1_234);
    expect([client.state, client.role, client.clockOffsetMs]).toEqual(['open', 'view', 1_234]);
    expect(states).toEqual(['open']);
  });

  it('sends nothing before the welcome, then what waited, in order', async () => {
    const client = await start();
    const calls = [client.call('station.info', {}), client.call('station.status', {})];
    client.subscribe('devices', {}, { snapshot: () => undefined, delta: () => undefined }, { maxHz: 2 });
    expect(lines[0]!.sent).toEqual([]);
    lines[0]!.welcome(clock.now());
    expect(lines[0]!.sent).toMatchObject([
      { kind: 'sub', topic: 'devices', maxHz: 2 },
      { kind: 'call', method: 'station.info' },
      { kind: 'call', method: 'station.status' },
    ]);
    client.close();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'rpc.closed' });
    expect(lines[0]!.closed).toBe('closed');
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives an attempt ten seconds', async () => {
    await start();
    clock.advance(9_999);
    expect(states).toEqual([]);
    clock.advance(1);
    expect(states).toEqual(['lost: the station does not answer']);
    expect(lines[0]!.closed).toBeDefined();
  });

  it('hangs up a connection that comes after its attempt was given up', async () => {
    const late = Promise.withResolvers<ClientTransport>();
    connect = () => late.promise;
    const client = await start();
    client.close();
    const line = new FakeLine();
    late.resolve(line);
    await settle();
    expect(line.closed).toBe('not needed any more');
    expect(client.state).toBe('closed');
  });

  it('waits longer from failure to failure, up to five seconds, with jitter', async () => {
    let attempts = 0;
    connect = () => {
      attempts++;
      throw new Error('no route');
    };
    const waits: number[] = [];
    for (const random of [0.999999, 0]) {
      attempts = 0;
      const client = await start(random);
      for (let round = 0; round < 7; round++) {
        const seen = attempts;
        let waitedMs = 0;
        while (attempts === seen) {
          clock.advance(5);
          waitedMs += 5;
          await settle();
        }
        waits.push(waitedMs);
      }
      client.close();
    }
    expect(waits).toEqual([
      250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 125, 250, 500, 1_000, 2_000, 2_500, 2_500,
    ]);
    expect(states[0]).toBe('lost: no route');
  });

  it('starts the waits anew only after a connection that lasted', async () => {
    await start();
    const waits: number[] = [];
    for (const openMs of [0, 0, 0, 6_000, 0]) {
      const line = lines.at(-1)!;
      line.welcome(clock.now());
      clock.advance(openMs);
      const count = lines.length;
      line.close('cut');
      let waitedMs = 0;
      while (lines.length === count) {
        clock.advance(5);
        waitedMs += 5;
        await settle();
      }
      waits.push(waitedMs);
    }
    // The pings of the long one are answered by nobody, but 6 s are not enough to call it dead.
    expect(waits).toEqual([250, 500, 1_000, 250, 500]);
  });
});

describe('a link that went dead', () => {
  it('is told within ten seconds, wherever in the rhythm of pings it died', async () => {
    for (const diesAtMs of [0, 1, 2_500, 4_999, 5_000, 5_001, 7_000, 9_499, 12_345]) {
      clock = new ManualClock();
      const client = await start();
      const line = lines.at(-1)!;
      line.welcome(clock.now());
      let answered = 0;
      for (let ms = 0; ms < diesAtMs; ms++) {
        clock.advance(1);
        for (const frame of line.sent.slice(answered)) {
          answered++;
          if (frame.kind === 'ping') line.deliver({ kind: 'pong', id: frame.id, nowMs: clock.now() });
        }
      }
      expect(client.state).toBe('open');
      clock.advance(10_000);
      expect(client.state).not.toBe('open');
      client.close();
    }
  });

  it('is not suspected while anything comes', async () => {
    const client = await start();
    lines[0]!.welcome(clock.now());
    for (let second = 0; second < 60; second += 4) {
      clock.advance(4_000);
      lines[0]!.deliver({ kind: 'delta', id: 99, seq: 1, data: null });
    }
    expect(client.state).toBe('open');
    clock.advance(10_000);
    expect(client.state).toBe('lost');
  });

  it('measures the clock of the host half-way through a ping', async () => {
    const client = await start();
    lines[0]!.welcome(clock.now());
    clock.advance(5_000);
    const ping = lines[0]!.sent.at(-1) as { id: number };
    clock.advance(400);
    lines[0]!.deliver({ kind: 'pong', id: ping.id, nowMs: clock.now() + 60_000 });
    expect(client.clockOffsetMs).toBe(60_200);
    lines[0]!.deliver({ kind: 'pong', id: ping.id - 1, nowMs: 0 });
    expect(client.clockOffsetMs).toBe(60_200);
  });

  it('takes nothing more from the old connection', async () => {
    const client = await start();
    lines[0]!.welcome(clock.now());
    const call = client.call('station.info', {});
    const { id } = lines[0]!.sent.at(-1) as { id: number };
    lines[0]!.close('cut');
    await expect(call).rejects.toMatchObject({ code: 'rpc.connection_lost' });
    lines[0]!.welcome(clock.now());
    lines[0]!.deliver({ kind: 'ok', id, result: 'ghost' });
    expect(client.state).toBe('lost');
  });
});

describe('calls over a lost connection', () => {
  it('wait for the next one', async () => {
    const client = await start();
    const call = client.call('station.info', {});
    lines[0]!.close('cut');
    clock.advance(5_000);
    await settle();
    lines[1]!.welcome(clock.now());
    const { id } = lines[1]!.sent[0] as { id: number };
    lines[1]!.deliver({ kind: 'ok', id, result: 'late but there' });
    expect(await call).toBe('late but there');
  });

  it('wait no longer than their time', async () => {
    connect = () => new Promise(() => undefined);
    const client = await start();
    const call = client.call('station.info', {});
    clock.advance(29_999);
    await settle();
    clock.advance(1);
    await expect(call).rejects.toMatchObject({ code: 'rpc.timeout' });
  });
});

describe('a refusal', () => {
  it.each(['rpc.bad_token', 'rpc.token_needed', 'rpc.version'])('of code %s is final', async (code) => {
    const client = await start();
    const call = client.call('station.info', {});
    const errors: string[] = [];
    const error = (told: { code: string }): void => void errors.push(told.code);
    client.subscribe('devices', {}, { snapshot: () => undefined, delta: () => undefined, error });
    lines[0]!.deliver({ kind: 'err', id: 0, error: { code, message: 'Sign in.' } });
    lines[0]!.close('closed (4401)');
    await expect(call).rejects.toMatchObject({ code, message: 'Sign in.' });
    await expect(client.call('station.info', {})).rejects.toMatchObject({ code });
    expect(errors).toEqual([code]);
    expect(states).toEqual(['refused: Sign in.']);
    clock.advance(60_000);
    await settle();
    expect(lines).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('of another code is tried again, and its message is the reason', async () => {
    await start();
    const error = { code: 'rpc.too_many_screens', message: 'Close one.' };
    lines[0]!.deliver({ kind: 'err', id: 0, error });
    lines[0]!.close('closed (4429)');
    expect(states).toEqual(['lost: Close one.']);
    clock.advance(250);
    await settle();
    lines[1]!.close('gone');
    expect(states).toEqual(['lost: Close one.', 'lost: gone']);
  });

  it('comes also from this side, when the host speaks another version', async () => {
    const client = await start();
    lines[0]!.welcome(clock.now(), 2);
    expect(client.state).toBe('refused');
    await expect(client.call('station.info', {})).rejects.toMatchObject({ code: 'rpc.version' });
  });
});

describe('subscriptions', () => {
  it('start anew when a number is missing', async () => {
    const client = await start();
    const seen: unknown[] = [];
    const listener = {
      snapshot: (data: unknown) => seen.push(data),
      delta: (data: unknown) => seen.push(data),
    };
    client.subscribe('devices', {}, listener);
    const line = lines[0]!;
    line.welcome(clock.now());
    const { id } = line.sent[0] as { id: number };
    line.deliver({ kind: 'snap', id, seq: 1, data: 'snap' });
    line.deliver({ kind: 'delta', id, seq: 2, data: 'two' });
    line.deliver({ kind: 'delta', id, seq: 4, data: 'four' });
    line.deliver({ kind: 'delta', id, seq: 5, data: 'five' });
    expect(seen).toEqual(['snap', 'two']);
    expect(line.sent.slice(1)).toMatchObject([
      { kind: 'ack', id, seq: 1 },
      { kind: 'ack', id, seq: 2 },
      { kind: 'unsub', id },
      { kind: 'sub', topic: 'devices' },
    ]);
  });

  it('are not acknowledged once given up, also from within their own listener', async () => {
    const client = await start();
    const stop = client.subscribe('devices', {}, { snapshot: () => stop(), delta: () => undefined });
    lines[0]!.welcome(clock.now());
    const { id } = lines[0]!.sent[0] as { id: number };
    lines[0]!.deliver({ kind: 'snap', id, seq: 1, data: null });
    expect(lines[0]!.sent.slice(1)).toEqual([{ kind: 'unsub', id }]);
  });

  it('that were refused because the screen is busy are asked for again until they are here', async () => {
    const client = await start();
    const seen: unknown[] = [];
    const errors: unknown[] = [];
    const listener = {
      snapshot: (data: unknown) => seen.push(data),
      delta: () => undefined,
      error: (error: unknown) => errors.push(error),
    };
    client.subscribe('topics', { expanded: ['a'] }, listener);
    const stop = client.subscribe('devices', {}, listener);
    const line = lines[0]!;
    line.welcome(clock.now());
    for (const { id } of line.sent.splice(0) as { id: number }[]) {
      line.deliver({ kind: 'end', id, error: { code: 'rpc.busy', message: 'Too many answers wait.' } });
    }
    stop();
    clock.advance(499);
    expect(line.sent).toEqual([]);
    clock.advance(1);
    expect(line.sent).toMatchObject([{ kind: 'sub', topic: 'topics', params: { expanded: ['a'] } }]);
    const { id } = line.sent[0] as { id: number };
    line.deliver({ kind: 'snap', id, seq: 1, data: 'at last' });
    expect(seen).toEqual(['at last']);
    expect(errors).toEqual([]);
  });

  it('that wait after a busy refusal are asked for once on a new connection', async () => {
    const client = await start();
    client.subscribe('topics', {}, { snapshot: () => undefined, delta: () => undefined });
    lines[0]!.welcome(clock.now());
    const { id } = lines[0]!.sent[0] as { id: number };
    lines[0]!.deliver({ kind: 'end', id, error: { code: 'rpc.busy', message: 'Too many answers wait.' } });
    clock.advance(300);
    lines[0]!.close('cut');
    clock.advance(250);
    await settle();
    lines[1]!.welcome(clock.now());
    clock.advance(1_000);
    expect(lines[1]!.sent).toMatchObject([{ kind: 'sub', topic: 'topics' }]);
  });
});
