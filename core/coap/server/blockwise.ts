import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import type { Block } from '../codec/block.ts';
import { BERT_SZX, LARGEST_SZX, decodeBlock, encodeBlock, szxOf } from '../codec/block.ts';
import {
  BAD_REQUEST,
  CONTINUE,
  REQUEST_ENTITY_INCOMPLETE,
  REQUEST_ENTITY_TOO_LARGE,
} from '../codec/codes.ts';
import { BLOCK1, BLOCK2, SIZE1, SIZE2, findOption, findUint, uintOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { SAFE_MESSAGE_BYTES } from '../messages/udp-carrier.ts';
import { Assemblies } from './assemblies.ts';
import { answerKey, assemblyKey } from './cache-key.ts';
import { SERVICE_UNAVAILABLE } from './handling.ts';
import { KeptBodies } from './kept-bodies.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { Resource, ServedAnswer } from './resource.ts';
import type { Served } from './served.ts';
import { errorAnswer, shapeAnswer } from './shaping.ts';
import type { ServerAnswer } from './types.ts';

/** What the way to the peer lets through. */
export type Way = Pick<Carrier, 'reliable' | 'maxMessageBytes' | 'largestSzx'>;

const DATAGRAMS: Way = { reliable: false, maxMessageBytes: SAFE_MESSAGE_BYTES, largestSzx: LARGEST_SZX };
const UNKNOWN_CONNECTION: Way = { ...DATAGRAMS, reliable: true };

/** Datagrams have the same limits for every peer, so that nothing need be looked up for them. */
export function wayOf(transport: CoapTransport, carrier: () => Carrier): Way {
  if (transport === 'udp' || transport === 'dtls') return DATAGRAMS;
  try {
    return carrier();
  } catch {
    return UNKNOWN_CONNECTION;
  }
}

/** A request with its blocks read. */
export interface Asked {
  served: Served;
  resource: Resource;
  way: Way;
  block1: Block | undefined;
  block2: Block | undefined;
}

const RETRY_SECONDS = 5;
const SAFE_METHODS = new Set(['GET', 'FETCH']);

/** Bodies in blocks, both ways (RFC 7959): resources see and give whole ones. */
export class Blockwise {
  readonly assemblies: Assemblies;
  readonly kept: KeptBodies;
  readonly #limits: ServerLimits;
  readonly #counters: ServerCounters;

  constructor(wheel: TimerWheel, limits: ServerLimits, counters: ServerCounters) {
    this.#limits = limits;
    this.#counters = counters;
    this.assemblies = new Assemblies(wheel, limits, counters);
    this.kept = new KeptBodies(wheel, limits, counters);
  }

  /** Undefined for a block size that this transport has not: 4.00 (RFC 7959 §2.2). */
  read(served: Served, resource: Resource, way: Way): Asked | undefined {
    const value1 = findOption(served.options, BLOCK1);
    const value2 = findOption(served.options, BLOCK2);
    const block1 = value1 === undefined ? undefined : decodeBlock(value1, way.largestSzx);
    const block2 = value2 === undefined ? undefined : decodeBlock(value2, way.largestSzx);
    if ((value1 !== undefined && block1 === undefined) || (value2 !== undefined && block2 === undefined)) {
      return undefined;
    }
    return { served, resource, way, block1, block2 };
  }

  /** The answer to a block that does not complete the body; undefined when `served.payload` is the whole of it. */
  takeBody(asked: Asked): ServerAnswer | undefined {
    const { served, block1 } = asked;
    const announced = findUint(served.options, SIZE1);
    if (block1 === undefined) {
      return served.payload.length > this.#limits.bodyBytes ? this.#tooLarge() : undefined;
    }
    const taken = this.assemblies.take(assemblyKey(served), served, block1, served.payload, {
      announced,
      largestSzx: this.#largestSzx(asked, BERT_SZX),
    });
    switch (taken.outcome) {
      case 'whole':
        served.payload = taken.body;
        return undefined;
      case 'continue': {
        const value = encodeBlock(block1.number, true, taken.szx);
        return { code: CONTINUE, options: [{ number: BLOCK1, value }], payload: new Uint8Array(0) };
      }
      case 'wrong_size':
        return errorAnswer({ code: BAD_REQUEST, diagnostic: 'the payload has not the size of the block' });
      case 'incomplete':
        this.#counters.blocksRefused++;
        return errorAnswer({ code: REQUEST_ENTITY_INCOMPLETE });
      case 'too_large':
        return this.#tooLarge();
      case 'busy':
        this.#counters.overloaded++;
        return errorAnswer({ code: SERVICE_UNAVAILABLE, maxAgeSeconds: RETRY_SECONDS });
    }
  }

  /**
   * A later block of an answer that was given already. Undefined when the resource is to be asked, which only methods
   * without effects may be: others get 4.08 when nothing is left of their answer.
   */
  laterBlock(asked: Asked): ServerAnswer | undefined {
    const { served, block1, block2 } = asked;
    if (block2 === undefined || block2.number === 0 || block1 !== undefined) return undefined;
    const kept = this.kept.find(answerKey(served), served.payload);
    if (kept !== undefined) return shapeAnswer(kept, this.#shape(asked)).answer;
    if (SAFE_METHODS.has(served.method)) return undefined;
    this.#counters.blocksRefused++;
    return errorAnswer({ code: REQUEST_ENTITY_INCOMPLETE });
  }

  /** The message for the resource's answer; what does not fit into it is kept for later blocks. */
  shape(asked: Asked, answer: ServedAnswer): ServerAnswer {
    const shaped = shapeAnswer(answer, this.#shape(asked));
    if (shaped.cut !== undefined) {
      const { served } = asked;
      this.kept.keep(answerKey(served), served.host, shaped.cut, served.payload);
    }
    if (asked.block1 !== undefined) {
      const { number, szx } = asked.block1;
      const value = encodeBlock(number, false, szx);
      shaped.answer.options.push({ number: BLOCK1, value } satisfies CoapOption);
    }
    return shaped.answer;
  }

  clear(): void {
    this.assemblies.clear();
    this.kept.clear();
  }

  #shape(asked: Asked) {
    const { served, way, block2 } = asked;
    return {
      request: served,
      block2,
      wantsSize: findOption(served.options, SIZE2) !== undefined,
      largestSzx: this.#largestSzx(asked, way.largestSzx),
      maxMessageBytes: way.maxMessageBytes,
      reliable: way.reliable && asked.resource.blockBytes === undefined,
    };
  }

  #largestSzx({ resource, way }: Asked, most: number): number {
    const wanted = way.reliable ? most : (szxOf(this.#limits.blockBytes) ?? LARGEST_SZX);
    const ofResource = resource.blockBytes === undefined ? most : (szxOf(resource.blockBytes) ?? LARGEST_SZX);
    return Math.min(most, wanted, ofResource);
  }

  #tooLarge(): ServerAnswer {
    this.#counters.bodiesTooLarge++;
    const options = [uintOption(SIZE1, this.#limits.bodyBytes)];
    return errorAnswer({ code: REQUEST_ENTITY_TOO_LARGE, options });
  }
}
