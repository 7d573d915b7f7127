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
