/** Block-wise transfers in messages as libcoap printed them. */
import { expect } from 'vitest';
import { expectAnswerOf } from './coap-plugtest-checks.ts';
import { valuesOf } from './coap-plugtest-libcoap.ts';
import type { Pdu } from './coap-plugtest-libcoap.ts';

/** One after the other: each request with the answer that follows it. */
export function pairsOf(pdus: readonly Pdu[]): [request: Pdu, answer: Pdu][] {
  expect(pdus.length % 2, 'requests and answers').toBe(0);
  return Array.from({ length: pdus.length / 2 }, (_, nth) => [pdus[2 * nth]!, pdus[2 * nth + 1]!]);
}

/** `3/M/256` of request and answer; empty where there is none. */
export function blocksOf(pdus: readonly Pdu[], option: 'Block1' | 'Block2'): [string, string][] {
  return pairsOf(pdus).map(([request, answer]) => [
    valuesOf(request, option)[0] ?? '',
    valuesOf(answer, option)[0] ?? '',
  ]);
}

/** Every request has that method, every answer that code and belongs to it. */
export function expectEachAnswered(pdus: readonly Pdu[], method: string, code: string): void {
  for (const [request, answer] of pairsOf(pdus)) {
    expect([request.code, answer.code]).toEqual([method, code]);
    expectAnswerOf(request, answer);
  }
}
