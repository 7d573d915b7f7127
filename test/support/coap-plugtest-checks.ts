/** What the plugtests ask of request and answer, on messages as libcoap printed them. */
import { expect } from 'vitest';
import { valuesOf } from './coap-plugtest-libcoap.ts';
import type { Pdu } from './coap-plugtest-libcoap.ts';

/** The `nth` message (from 0) with these; fails where there is none. */
export function pduAt(pdus: readonly Pdu[], nth: number): Pdu {
  const pdu = pdus[nth];
  if (pdu === undefined) throw new Error(`there are only ${pdus.length} messages: ${JSON.stringify(pdus)}`);
  return pdu;
}

/** One request and its answer, nothing else. */
export function onePair(pdus: readonly Pdu[]): [request: Pdu, answer: Pdu] {
  expect(pdus.map(({ code }) => code)).toHaveLength(2);
  return [pduAt(pdus, 0), pduAt(pdus, 1)];
}

/**
 * The answer belongs to the request. To a CON over UDP it comes in the ACK with the same id, to a NON as a NON with an
 * id of its own; over TCP and TLS only the token tells.
 */
export function expectAnswerOf(request: Pdu, answer: Pdu): void {
  expect(answer.token).toBe(request.token);
  if (request.type === 'CON') {
    expect([answer.type, answer.messageId]).toEqual(['ACK', request.messageId]);
  } else {
    expect(answer.type).toBe(request.type === null ? null : 'NON');
  }
}

/** `request` has this type over UDP and none elsewhere. */
export function expectRequest(request: Pdu, type: 'CON' | 'NON', code: string, path: string): void {
  expect([request.type, request.code, valuesOf(request, 'Uri-Path').join('/')]).toEqual([
    request.transport === 'udp' ? type : null,
    code,
    path,
  ]);
}

/**
 * A request whose answer is a message of its own: over UDP the empty ACK, then a CON that is acknowledged; over TCP
 * and TLS just the answer. Returns it.
 */
export function expectSeparate(pdus: readonly Pdu[]): Pdu {
  const request = pduAt(pdus, 0);
  if (request.type === null) {
    const [, answer] = onePair(pdus);
    expect(answer.token).toBe(request.token);
    return answer;
  }
  const [acknowledgement, answer, last] = [pduAt(pdus, 1), pduAt(pdus, 2), pduAt(pdus, 3)];
  expect(pdus).toHaveLength(4);
  for (const [ack, of] of [
    [acknowledgement, request],
    [last, answer],
  ] as const) {
    expect([ack.type, ack.code, ack.messageId, ack.token, ack.options, ack.payload, ack.bytes]).toEqual([
      'ACK', '0.00', of.messageId, '', [], '', 4,
    ]); // prettier-ignore
  }
  expect([answer.type, answer.token]).toEqual(['CON', request.token]);
  return answer;
}
