/** What strangers write into addresses, headers and patterns: an answer or a coded error, and soon. */
import { describe, expect, it } from 'vitest';
import { leastCpuMs } from '../../../test/support/cost.ts';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import { CodedError } from '../../base/errors.ts';
import { acceptAttempts } from './accept.ts';
import { AccessList } from './access-list.ts';
import { readEtags } from './etags.ts';
import { contentFormatOf } from './media-types.ts';
import { mapRequest } from './request.ts';
import { hostingPath, targetOf } from './target.ts';

const PIECES = [
  'coap', 'coap+tcp', '://', ':/', '/', '//', '?', '&', '=', '%3A%2F%2F', '%', '%2', '%5B', '%5D', '[', ']', '::1',
  '10.0.0.7', ':5683', ':99999', '@', '#', '..', '.', '*', '*.', 'a.local', 'target_uri=', 's=', 'hp=', '/24', '"',
  '\\', ';', ',', 'q=', '0.5', 'text/plain', '*/*', 'W/', '01ff', ' ', '\t', 'é', '\u0000', 'x'.repeat(300),
]; // prettier-ignore

const BEGINNINGS = ['', 'coap://a', 'coap:/10.0.0.7/', '?target_uri=coap%3A%2F%2Fa%2F'];

const random = seededRandom(8_075);

function rubbish(): string {
  let text = '';
  for (let left = random(12); left >= 0; left--) {
    text += PIECES[random(PIECES.length)]!;
  }
  return text;
}

/** Runs it; anything thrown that has no code of CoAP fails the test. */
function survives<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch (error) {
    if (error instanceof CodedError && error.code.startsWith('coap.')) return undefined;
    throw error;
  }
}

describe('rubbish', () => {
  it('is refused in a coded way, or means something that leads back to itself', () => {
    let targets = 0;
    for (let round = 0; round < 10_000; round++) {
      const text = rubbish();
      const target = survives(() => targetOf(`/hc/${BEGINNINGS[random(4)]!}${text}`));
      if (target !== undefined) {
        targets++;
        expect(targetOf(hostingPath(target))?.uri).toBe(target.uri);
      }
      survives(() => new AccessList([text]));
      survives(() => acceptAttempts(text, text));
      survives(() => contentFormatOf(text, undefined));
      survives(() => readEtags(text, true));
      survives(() => mapRequest('PUT', { accept: text, 'if-match': text, 'if-none-match': text, via: text }));
    }
    expect(targets).toBeGreaterThan(500);
  });

  it.each([
    ['commas', ','],
    ['quotes', '"'],
    ['escaped quotes', '\\"'],
    ['parameters', ';a="'],
    ['spaces', ' '],
    ['semicolons', '; '],
    ['ranges', 'a/b;q=0.1,'],
    ['percent signs', '%2F'],
    ['slashes', '/'],
    ['dots', 'a.'],
    ['colons', ':'],
  ])('of 16 KiB of %s costs little', (_what, piece) => {
    const text = piece.repeat(Math.floor(16_384 / piece.length));
    const costMs = leastCpuMs(() => {
      acceptAttempts(`text/plain${text}`, text);
      contentFormatOf(`text/plain${text}`, text);
      readEtags(text, true);
      survives(() => targetOf(`/hc/coap:${text}`));
      survives(() => targetOf(`/hc/?target_uri=${text}`));
      survives(() => targetOf(`/hc/?s=${text}`));
      survives(() => new AccessList([text]));
    }, 3);
    expect(costMs).toBeLessThan(250);
  });
});
