import { expect, it } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { coapError } from '../errors.ts';
import type { CoapErrorCode } from '../errors.ts';
import { secureRandom } from '../random.ts';
import type { ServedRequest } from '../server/resource.ts';
import { Directory } from './directory.ts';
import { SimpleRegistration } from './simple-registration.ts';

async function answerWhen(code: CoapErrorCode) {
  const clock = new ManualClock();
  const directory = new Directory({ clock, random: secureRandom() });
  const fetchLinks = () => Promise.reject(coapError(code, 'why it is so, in many words'));
  const simple = new SimpleRegistration(directory, { clock, fetchLinks });
  const from = { address: '10.0.0.7', port: 5683, family: 4 } as const;
  const request = { query: ['ep=a'], transport: 'udp', from, identity: null, multicast: false };
  const answer = await simple.handle(request as unknown as ServedRequest);
  directory.stop();
  return answer;
}

it('who is not there gets 5.04 and no words: they would be sent five times to an address that may be forged', async () => {
  expect(await answerWhen('coap.timeout')).toEqual({ code: (5 << 5) | 4 });
});

it('who answered wrongly is told what was wrong', async () => {
  expect(await answerWhen('coap.refused')).toMatchObject({
    code: (5 << 5) | 4,
    diagnostic: expect.stringContaining('in many words') as string,
  });
});

it('one host with many ports has no more devices asked than are still free to be asked', async () => {
  const clock = new ManualClock();
  const directory = new Directory({ clock, random: secureRandom() });
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const fetchLinks = async (uri: string) => {
    asked.push(uri);
    await answered;
    return { text: '', maxAgeSeconds: 0 };
  };
  const simple = new SimpleRegistration(directory, { clock, fetchLinks });
  const come = (address: string, port: number) => {
    const from = { address, port, family: 4 };
    const request = { query: [`ep=${address}-${port}`], transport: 'udp', from, identity: null };
    return simple.handle(request as unknown as ServedRequest);
  };
  const first = Array.from({ length: 20 }, (_, port) => come('10.0.0.7', 1 + port));
  expect(asked.length).toBe(16);
  expect(await Promise.all(first.slice(16))).toEqual(
    new Array(4).fill({ code: (5 << 5) | 3, maxAgeSeconds: 5 }),
  );
  const other = come('10.0.0.8', 1);
  expect([asked.length, directory.counters.hostShareReached]).toEqual([17, 4]);
  answer();
  expect(await Promise.all([...first.slice(0, 16), other])).toEqual(new Array(17).fill({ code: 68 }));
  for (let port = 100; port < 120; port++) void come('10.0.0.7', port);
  expect(asked.length).toBe(17 + 16);
  directory.stop();
});
