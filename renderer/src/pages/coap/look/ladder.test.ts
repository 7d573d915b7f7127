import { describe, expect, it } from 'vitest';
import type { CoapStep } from '../../../../../core/contract/coap-browser.ts';
import * as made from '../../../../../test/support/console-coap-steps.ts';
import { timed } from '../../../../../test/support/console-coap-steps.ts';
import { findFolds } from './folds.ts';
import { FOLD_PX, GAP_PX, MESSAGE_PX, planLadder, rowsWithin, stepRow } from './ladder.ts';
import type { LadderRow } from './ladder.ts';
import {
  codeText,
  messageIdText,
  readMessages,
  shortToken,
  sinceText,
  targetOf,
  tellingOptions,
  waitText,
} from './messages.ts';
import { planStrip } from './strip.ts';

const AT_MS = 1_790_000_000_000;
const NONE: ReadonlySet<string> = new Set();
const plain = { opened: NONE, leftOut: 0, older: false, running: false };

const steps = (loose: made.LooseStep[]): CoapStep[] => timed(loose, AT_MS);
const kinds = (rows: readonly LadderRow[]): string[] => rows.map(({ kind }) => kind);
const plain1 = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('messages of an exchange', () => {
  it('says how long was waited before each repeat, and which transmissions went unanswered', () => {
    const messages = readMessages(steps(made.lossy()));
    expect(messages.map(({ waitMs }) => waitMs)).toEqual([null, 2_312, 4_624, null, null]);
    // Two answers came, the second a duplicate: of three transmissions one is unaccounted for.
    expect(messages.map(({ unanswered }) => unanswered)).toEqual([true, false, false, false, false]);
  });

  it('lets the last transmission wait while the exchange runs, and gives all up when it failed', () => {
    const all = steps(made.unanswered());
    expect(readMessages(all, 'running').map(({ unanswered }) => unanswered)).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(readMessages(all, 'failed').every(({ unanswered }) => unanswered)).toBe(true);
  });

  it('takes a separate answer with the token for the lost ACK, and nothing that does not match', () => {
    const [ask, , answer, ack] = made.separate();
    const without = readMessages(steps([ask!, answer!, ack!]), 'failed');
    expect(without[0]!.unanswered).toBe(false);
    const foreign = readMessages(
      steps([ask!, { ...answer!, token: 'ffee', verdict: 'unmatched' }]),
      'failed',
    );
    expect(foreign[0]!.unanswered).toBe(true);
  });

  it('does not mix up two messages that had the same id one after the other', () => {
    const again = [...made.simple(), ...made.simple().map((one) => ({ ...one, afterMs: 100 }))];
    expect(readMessages(steps(again), 'failed').some(({ unanswered }) => unanswered)).toBe(false);
  });

  it('writes codes, targets, options, ids and tokens as an integrator reads them', () => {
    const [get, content] = steps(made.simple()) as [CoapStep, CoapStep];
    expect([codeText(get), codeText(content), codeText({ code: '0.00', codeName: 'Empty' })]).toEqual([
      'GET',
      '2.05 Content',
      'empty',
    ]);
    expect(targetOf(get)).toBe('/sensors/temp');
    expect(tellingOptions(content)).toEqual([
      { name: 'ct', value: 'senml+json' },
      { name: 'ETag', value: 'a1b2c3…' },
      { name: 'Max-Age', value: '30' },
    ]);
    expect([messageIdText(42), messageIdText(null), shortToken('8a1c4f02d1b9'), shortToken('51')]).toEqual([
      '0x002a',
      '',
      '8a1c4f…',
      '51',
    ]);
  });

  it('is as exact about time as it is of use', () => {
    expect([0, 12.44, 2_341, 200_400, 7_400_000].map(sinceText).map(plain1)).toEqual([
      '0',
      '12.4 ms',
      '2.341 s',
      '3:20.400',
      '2:03:20',
    ]);
    expect([4.21, 46.4, 2_312, 125_000, 7_260_000].map(waitText).map(plain1)).toEqual([
      '4.2 ms',
      '46 ms',
      '2.3 s',
      '2 min 5 s',
      '2 h 1 min',
    ]);
  });
});

describe('folds', () => {
  it('folds the middle of a long upload and counts what went wrong in it', () => {
    const messages = readMessages(steps(made.blocks(64)));
    const [fold, ...more] = findFolds(messages);
    expect(more).toEqual([]);
    expect(fold).toMatchObject({
      kind: 'Block1',
      firstBlock: 2,
      lastBlock: 61,
      blockBytes: 1024,
      payloadBytes: 60 * 1024,
      repeats: 6,
      unanswered: 6,
      odd: 0,
    });
    expect(messages[fold!.from]!.blocks[0]!.number).toBe(2);
    expect(messages[fold!.to + 1]!.blocks[0]!.number).toBe(62);
  });

  it('folds a download whose first request has no block', () => {
    const [fold] = findFolds(readMessages(steps(made.download(20))));
    expect(fold).toMatchObject({ kind: 'Block2', firstBlock: 2, lastBlock: 17, payloadBytes: 16 * 64 });
  });

  it('leaves short transfers as they are, and keeps two transfers apart', () => {
    expect(findFolds(readMessages(steps(made.blocks(7))))).toEqual([]);
    const twice = [
      ...made.blocks(20),
      ...made.blocks(30).map((one) => ({ ...one, afterMs: one.afterMs + 1 })),
    ];
    expect(findFolds(readMessages(steps(twice))).map(({ lastBlock }) => lastBlock)).toEqual([17, 27]);
  });

  it('has the same key while more blocks come', () => {
    const all = steps(made.blocks(40));
    const early = findFolds(readMessages(all.slice(0, 40)))[0]!;
    expect(findFolds(readMessages(all))[0]!.key).toBe(early.key);
  });
});

describe('the ladder', () => {
  it('marks long waits and draws short ones to scale', () => {
    const messages = readMessages(steps(made.lossy()));
    const { rows, height } = planLadder(messages, [], plain);
    expect(kinds(rows)).toEqual(['message', 'gap', 'message', 'gap', 'message', 'message', 'message']);
    expect(rows.flatMap((row) => (row.kind === 'gap' ? [[row.ms, row.reason, row.repeat]] : []))).toEqual([
      [2_312, 'repeat', 1],
      [4_624, 'repeat', 2],
    ]);
    // 38 ms and 12 ms are 3 px and 1 px of room.
    expect(rows[5]!.y - rows[4]!.y).toBe(MESSAGE_PX + 3);
    expect(rows[6]!.y - rows[5]!.y).toBe(MESSAGE_PX + 1);
    expect(height).toBe(rows[6]!.y + MESSAGE_PX);
    expect(rows[2]!.y - rows[1]!.y).toBe(GAP_PX);
  });

  it('says whose time it was', () => {
    const { rows } = planLadder(readMessages(steps(made.separate())), [], plain);
    expect(rows.flatMap((row) => (row.kind === 'gap' ? [row.reason] : []))).toEqual(['device']);
  });

  it('shows a folded transfer as one row, and an open one with its messages', () => {
    const messages = readMessages(steps(made.blocks(64)));
    const folds = findFolds(messages);
    const closed = planLadder(messages, folds, plain);
    expect(kinds(closed.rows).filter((kind) => kind === 'fold')).toHaveLength(1);
    expect(closed.rows.length).toBeLessThan(15);
    const open = planLadder(messages, folds, { ...plain, opened: new Set([folds[0]!.key]) });
    expect(open.rows.filter(({ kind }) => kind === 'message')).toHaveLength(messages.length);
    expect(open.rows.find(({ kind }) => kind === 'fold')!.height).toBe(FOLD_PX);
  });

  it('waits for the device only while it is its turn', () => {
    const last = (loose: made.LooseStep[]): string | undefined =>
      planLadder(readMessages(steps(loose), 'running'), [], { ...plain, running: true }).rows.at(-1)?.kind;
    expect(last(made.lossy().slice(0, 2))).toBe('waiting');
    expect(last(made.separate().slice(0, 2))).toBe('waiting');
    expect(last(made.simple())).toBe('message');
    expect(last(made.separate())).toBe('message');
  });

  it('says what was left out, before or after', () => {
    const messages = readMessages(steps(made.simple()));
    expect(kinds(planLadder(messages, [], { ...plain, leftOut: 3, older: true }).rows)[0]).toBe('leftOut');
    expect(kinds(planLadder(messages, [], { ...plain, leftOut: 3 }).rows).at(-1)).toBe('leftOut');
  });

  it('draws only what is in the window, however long it is', () => {
    const messages = readMessages(steps(made.blocks(1_024)));
    const { rows, height } = planLadder(messages, [], plain);
    expect(rows.length).toBeGreaterThan(2_000);
    const [from, to] = rowsWithin(rows, height / 2, height / 2 + 400);
    expect(to - from).toBeLessThan(16);
    expect(rows[from]!.y + rows[from]!.height).toBeGreaterThan(height / 2);
    expect(rows[to]!.y).toBeGreaterThanOrEqual(height / 2 + 400);
    expect(rowsWithin(rows, -100, 20)[0]).toBe(0);
    expect(rowsWithin(rows, height + 1, height + 100)).toEqual([rows.length, rows.length]);
  });

  it('steps over gaps with the keyboard and stops at the ends', () => {
    const { rows } = planLadder(readMessages(steps(made.lossy())), [], plain);
    expect(stepRow(rows, 0, 1)).toBe(2);
    expect(stepRow(rows, 2, -1)).toBe(0);
    expect(stepRow(rows, 0, -1)).toBe(0);
    expect(stepRow(rows, 2, 100)).toBe(6);
    expect(stepRow(rows, rows.length, -1)).toBe(6);
    expect(stepRow(rows, -1, 1)).toBe(0);
    expect(stepRow([], -1, 1)).toBe(-1);
  });
});

describe('the strip', () => {
  it('places messages and waits in time', () => {
    const plan = planStrip(readMessages(steps(made.lossy())), 600);
    expect(plan.spanMs).toBeCloseTo(6_986);
    expect(plan.waits.map(({ from, to, wide }) => [from, to, wide])).toEqual([
      [0, 199, true],
      [199, 596, true],
    ]);
    expect(plan.axis.map(({ ms }) => ms)).toEqual([0, 2_000, 4_000, 6_000]);
  });

  it('has at most two ticks a pixel, and keeps the odd ones', () => {
    const many = steps(made.blocks(1_024));
    many[1_000] = { ...many[1_000]!, verdict: 'malformed', direction: 'in' };
    const { ticks, axis } = planStrip(readMessages(many), 400);
    expect(ticks.length).toBeLessThanOrEqual(2 * 401);
    expect(ticks.find(({ mark }) => mark === 'odd')?.index).toBe(1_000);
    // Round on a clock, not in tens.
    expect(axis[1]!.ms).toBe(60_000);
  });

  it('takes one message and none', () => {
    expect(planStrip(readMessages(steps([made.simple()[0]!])), 300).ticks).toHaveLength(1);
    expect(planStrip([], 300).ticks).toEqual([]);
  });
});
