import { describe, expect, it } from 'vitest';
import { saslPrep, saslPrepBytes } from './saslprep.ts';

describe('saslPrep', () => {
  // The examples of RFC 4013 §3, without the one that is about bidirectional text.
  it.each([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', null],
  ])('%j becomes %j', (text, prepared) => expect(saslPrep(text)).toBe(prepared));

  it('makes one form of what looks the same', () => {
    expect(saslPrep('Zu\u0308rich')).toBe('Z\u00fcrich');
    expect(saslPrep('a\u00a0b\u3000c')).toBe('a b c');
    expect(saslPrep('ka\ufeffputt\u200d')).toBe('kaputt');
    expect(saslPrep('\u{1f511} \u65e5\u672c')).toBe('\u{1f511} \u65e5\u672c');
  });

  it.each([
    ['a control', 'a\u0000b'],
    ['DEL', 'a\u007f'],
    ['a C1 control', '\u0085'],
    ['private use', '\ue000'],
    ['far private use', '\u{100000}'],
    ['no character', '\ufdd0'],
    ['no character of a far plane', '\u{1fffe}'],
    ['a lone surrogate', 'a\ud800'],
    ['a replacement character', '\ufffd'],
    ['an ideographic description', '\u2ff0'],
    ['a direction mark', '\u202e'],
    ['a tag', '\u{e0041}'],
    ['a line separator', '\u2028'],
    ['a musical control', '\u{1d173}'],
  ])('refuses %s', (_what, text) => expect(saslPrep(text)).toBeNull());

  it('reads UTF-8 and nothing else', () => {
    expect(saslPrepBytes(Buffer.from('gr\u00fcn'))).toBe('gr\u00fcn');
    expect(saslPrepBytes(Uint8Array.of(0x67, 0xfc))).toBeNull();
    expect(saslPrepBytes(Uint8Array.of(0xc0, 0x80))).toBeNull();
    expect(saslPrepBytes(Uint8Array.of())).toBe('');
  });
});
