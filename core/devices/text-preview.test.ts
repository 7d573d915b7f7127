import { expect, test } from 'vitest';
import { textPreview } from './text-preview.ts';

test('short text is whole, other bytes have no text', () => {
  expect(textPreview(Buffer.from('21.5 °C'), 8)).toEqual({ text: '21.5 °C', truncated: false });
  expect(textPreview(new Uint8Array(0), 0)).toEqual({ text: '', truncated: false });
  expect(textPreview(Uint8Array.of(0xff, 0xfe), 2)).toEqual({ text: null, truncated: false });
  expect(textPreview(Uint8Array.of(0x41, 0xe2, 0x82), 3)).toEqual({ text: null, truncated: false });
});

test.each(['é', '€', '😀'])('a %s that the border cuts is left away whole', (character) => {
  for (let before = 505; before <= 513; before++) {
    const whole = Buffer.from('x'.repeat(before) + character.repeat(20));
    for (const kept of [whole, whole.subarray(0, 512)]) {
      const { text, truncated } = textPreview(kept, whole.length);
      expect(truncated).toBe(true);
      expect(whole.toString().startsWith(text!)).toBe(true);
      expect(Buffer.byteLength(text!)).toBeGreaterThan(508);
      expect(Buffer.byteLength(text!)).toBeLessThanOrEqual(512);
    }
  }
});
