/** Long block transfers (RFC 7959) folded to one row: their first and last blocks stay to be seen. Pure. */
import type { BlockPart, LadderMessage } from './messages.ts';

export interface Fold {
  /** The same while more blocks come. */
  key: string;
  /** Of the messages inside, both inclusive. */
  from: number;
  to: number;
  kind: BlockPart['kind'];
  firstBlock: number;
  lastBlock: number;
  /** Size of a block. */
  blockBytes: number;
  /** Of the blocks inside, each counted once. */
  payloadBytes: number;
  repeats: number;
  unanswered: number;
  /** Messages that were not taken as they came. */
  odd: number;
  durationMs: number;
}

/** Shorter transfers are shown as they are. */
const LEAST_BLOCKS = 8;
/** Blocks that stay at either end. */
const SHOWN_BLOCKS = 2;

interface Run {
  kind: BlockPart['kind'];
  /** Index and block number of each message. */
  parts: { index: number; number: number }[];
  bytes: number;
  last: number;
}

export function findFolds(messages: readonly LadderMessage[]): Fold[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const message of messages) {
    const block = blockFor(message, run?.kind ?? null);
    if (block === null) {
      // What has no block of its own belongs to the transfer where it only carries it.
      const carries =
        message.step.code === '0.00' || message.step.repeat > 0 || message.step.verdict !== 'ok';
      if (carries) run?.parts.push({ index: message.index, number: run.last });
      else run = undefined;
      continue;
    }
    const anew = message.step.direction === 'out' && message.step.repeat === 0 && block.number === 0;
    if (run === undefined || run.kind !== block.kind || (anew && run.last > 0)) {
      run = { kind: block.kind, parts: [], bytes: block.bytes, last: block.number };
      runs.push(run);
    }
    run.parts.push({ index: message.index, number: block.number });
    run.bytes = block.bytes;
    run.last = Math.max(run.last, block.number);
  }
  return runs.flatMap((one) => foldOf(one, messages) ?? []);
}

function blockFor({ blocks }: LadderMessage, running: BlockPart['kind'] | null): BlockPart | null {
  return blocks.find(({ kind }) => kind === running) ?? blocks[0] ?? null;
}

function foldOf(run: Run, messages: readonly LadderMessage[]): Fold | null {
  const first = run.parts[0]!.number;
  if (run.last - first + 1 < LEAST_BLOCKS) return null;
  const head = run.parts.find(({ number }) => number >= first + SHOWN_BLOCKS);
  const tail = run.parts.find(({ number }) => number > run.last - SHOWN_BLOCKS);
  if (head === undefined || tail === undefined || tail.index - head.index < 2) return null;
  const inside = messages.slice(head.index, tail.index);
  const sizes = new Map<number, number>();
  for (const message of inside) {
    const block = blockFor(message, run.kind);
    const carries = run.kind === 'Block1' ? 'out' : 'in';
    if (block === null || message.step.direction !== carries || message.step.verdict !== 'ok') continue;
    sizes.set(block.number, message.step.payloadBytes);
  }
  return {
    key: `${run.kind}-${messages[head.index]!.step.atMs}-${messages[head.index]!.step.messageId ?? ''}`,
    from: head.index,
    to: tail.index - 1,
    kind: run.kind,
    firstBlock: head.number,
    lastBlock: run.last - SHOWN_BLOCKS,
    blockBytes: run.bytes,
    payloadBytes: [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0),
    repeats: inside.filter(({ step }) => step.repeat > 0).length,
    unanswered: inside.filter(({ unanswered }) => unanswered).length,
    odd: inside.filter(({ step }) => step.verdict !== 'ok').length,
    durationMs: inside.at(-1)!.step.sinceMs - inside[0]!.step.sinceMs,
  };
}
