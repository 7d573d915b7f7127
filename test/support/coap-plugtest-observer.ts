/** Debian's libcoap client while it observes, and what plugtests ask of its notifications. */
import type { ChildProcess } from 'node:child_process';
import { expect } from 'vitest';
import { backEndOf, isSignal, parsePdus, valuesOf } from './coap-plugtest-libcoap.ts';
import type { Pdu, Way } from './coap-plugtest-libcoap.ts';
import { startPeer, stopChild } from './peers.ts';
import { Waiting } from './waiting.ts';

/** libcoap asks with Observe and listens for so many seconds, or until it is killed. */
export class LibcoapObserver {
  readonly #child: ChildProcess;
  #printed = '';
  readonly #waiting = new Waiting(() => this.#printed);

  constructor(way: Way, uri: string, { seconds = 60, args = [] as string[] } = {}) {
    const name = `coap-client-${backEndOf(way)}`;
    // The body goes to nowhere: it would stand between the lines about messages.
    const all = ['-v', '7', '-B', '60', '-s', String(seconds), '-o', '/dev/null', ...args, uri];
    this.#child = startPeer(name, all);
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.on('data', (part: Buffer) => {
        this.#printed += part.toString('latin1');
        this.#waiting.wake();
      });
    }
    this.#child.once('close', () => this.#waiting.wake());
  }

  /** Messages of both directions, without signals. */
  get pdus(): Pdu[] {
    return parsePdus(this.#printed).filter((pdu) => !isSignal(pdu));
  }

  /** Answers and notifications; an empty message is none. */
  get answers(): Pdu[] {
    return this.pdus.filter(({ way, code }) => way === 'received' && code !== '0.00');
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Asked whenever libcoap printed something; fails after ten seconds. */
  until(condition: () => boolean, what: string): Promise<void> {
    return this.#waiting.until(condition, what);
  }

  /** Returns all answers once there are so many. */
  async answered(count: number): Promise<Pdu[]> {
    await this.until(() => this.answers.length >= count, `${count} answers came`);
    return this.answers;
  }

  /** Without a word to the server. */
  kill(): Promise<void> {
    return stopChild(this.#child, 'SIGKILL');
  }

  /** Until its time is over and it has said so. */
  async finished(): Promise<void> {
    await this.until(() => this.ended, 'libcoap has ended');
  }
}

/** A sequence number of RFC 7641; 0 where the option is empty, undefined where there is none. */
export function observeOf(pdu: Pdu): number | undefined {
  const [value] = valuesOf(pdu, 'Observe');
  return value === undefined ? undefined : Number(value);
}

/**
 * A first answer and notifications: all with the request's token and the first answer's Content-Format, with Observe,
 * which rises over UDP and says nothing over TCP (RFC 8323 appendix A.1).
 */
export function expectNotifications(request: Pdu, answers: readonly Pdu[], type: 'CON' | 'NON'): void {
  const isUdp = request.transport === 'udp';
  expect([request.code, observeOf(request)]).toEqual(['GET', 0]);
  const [first, ...rest] = answers;
  const format = valuesOf(first!, 'Content-Format');
  for (const one of answers) {
    expect([one.code, one.token, valuesOf(one, 'Content-Format')]).toEqual(['2.05', request.token, format]);
  }
  for (const one of rest) expect(one.type).toBe(isUdp ? type : null);
  const numbers = answers.map((one) => observeOf(one));
  expect(numbers).not.toContain(undefined);
  if (isUdp) {
    for (let nth = 1; nth < numbers.length; nth++) {
      const step = (numbers[nth]! - numbers[nth - 1]! + 2 ** 24) % 2 ** 24;
      expect(step, `${numbers.join(', ')} rise`).toSatisfy((by: number) => by > 0 && by < 2 ** 23);
    }
  }
}
