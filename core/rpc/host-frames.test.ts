import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { MAX_COAP_PAYLOAD_BYTES } from '../contract/methods-coap.ts';
import { methods } from '../contract/methods.ts';
import { checkInput } from './host-frames.ts';

const request = methods['coap.request'].input;
const query = methods['readings.query'].input;

describe('checkInput', () => {
  it('refuses a base64 text of the longest message that a screen may send, and takes the longest payload', () => {
    const tooLong = checkInput(request, { uri: 'coap://x', payload: { base64: 'A'.repeat(8_000_000) } });
    expect(tooLong).toMatchObject({ ok: false, problem: expect.stringContaining('payload') as string });
    const base64 = Buffer.alloc(MAX_COAP_PAYLOAD_BYTES, 7).toString('base64');
    expect(checkInput(request, { uri: 'coap://x', payload: { base64 } }).ok).toBe(true);
  });

  it('does not look into the elements of a list that is too long', () => {
    const series = new Array<number>(1_000).fill(1);
    let looked = 0;
    Object.defineProperty(series, 0, { get: () => ++looked, enumerable: true });
    expect(checkInput(query, { series }).ok).toBe(false);
    expect(looked).toBe(0);
  });

  it('refuses what a check itself breaks on, instead of ending the station', () => {
    const broken = v.pipe(
      v.string(),
      v.check(() => {
        throw new RangeError('Maximum call stack size exceeded');
      }),
    );
    expect(checkInput(broken, 'x')).toEqual({ ok: false, problem: 'params: it cannot be checked' });
  });
});
