/** Options that a request may carry beside those that the station sets itself (RFC 7252 §5.10 and later). */

export type OptionForm = 'uint' | 'text' | 'hex' | 'empty';

export interface KnownOption {
  number: number;
  name: string;
  form: OptionForm;
  minBytes: number;
  maxBytes: number;
  repeatable: boolean;
  /** What it does, one line. */
  note: string;
}

function known(
  number: number,
  name: string,
  form: OptionForm,
  [minBytes, maxBytes]: [number, number],
  note: string,
  repeatable = false,
): KnownOption {
  return { number, name, form, minBytes, maxBytes, repeatable, note };
}

export const KNOWN_OPTIONS: readonly KnownOption[] = [
  known(1, 'If-Match', 'hex', [0, 8], 'Only if the resource has this ETag; empty: only if it exists', true),
  known(4, 'ETag', 'hex', [1, 8], 'Answer 2.03 if it is still this one', true),
  known(5, 'If-None-Match', 'empty', [0, 0], 'Only if the resource does not exist yet'),
  known(9, 'OSCORE', 'hex', [0, 255], 'Object security (RFC 8613), as bytes'),
  known(14, 'Max-Age', 'uint', [0, 4], 'Seconds for which it may be taken as fresh'),
  known(16, 'Hop-Limit', 'uint', [1, 1], 'Proxies that it may pass, 1 to 255 (RFC 8768)'),
  known(28, 'Size2', 'uint', [0, 4], '0 asks how large the whole answer is'),
  known(60, 'Size1', 'uint', [0, 4], 'Size of the whole payload in bytes'),
  known(252, 'Echo', 'hex', [1, 40], 'Gives back what the server sent with 4.01 (RFC 9175)'),
  known(
    258,
    'No-Response',
    'uint',
    [0, 1],
    'Sum of 2 (no 2.xx), 8 (no 4.xx), 16 (no 5.xx): answers that are not wanted (RFC 7967)',
  ),
  known(292, 'Request-Tag', 'hex', [0, 8], 'Tells block-wise transfers apart (RFC 9175)', true),
  known(2049, 'OCF-Accept-Content-Format-Version', 'uint', [0, 2], 'OCF: version that is wanted'),
  known(2053, 'OCF-Content-Format-Version', 'uint', [0, 2], 'OCF: version of the payload'),
];

/** Options that come from somewhere else on this page, and from where. */
const SET_ELSEWHERE: Record<number, string> = {
  3: 'Uri-Host comes from the address.',
  6: 'Observe is set by Watch.',
  7: 'Uri-Port comes from the address.',
  11: 'Uri-Path comes from the address.',
  12: 'Content-Format has a field of its own.',
  15: 'Uri-Query comes from the address.',
  17: 'Accept has a field of its own.',
  19: 'Q-Block1 is not spoken.',
  23: 'Block2 is set by the block size.',
  27: 'Block1 is set by the block size.',
  31: 'Q-Block2 is not spoken.',
  35: 'Proxy-Uri cannot be set: requests go straight to their server.',
  39: 'Proxy-Scheme cannot be set: requests go straight to their server.',
};

export function knownOption(number: number): KnownOption | undefined {
  return KNOWN_OPTIONS.find((option) => option.number === number);
}

/** Why a request may not carry it here, or null. */
export function setElsewhere(number: number): string | null {
  return SET_ELSEWHERE[number] ?? null;
}

export interface OptionFlags {
  /** Whoever does not know it must refuse the message. */
  critical: boolean;
  /** A proxy that does not know it must not pass the message on. */
  unsafe: boolean;
  /** It does not tell cached answers apart. */
  noCacheKey: boolean;
}

/** What the bits of an option number say (RFC 7252 §5.4.6). */
export function optionFlags(number: number): OptionFlags {
  const unsafe = (number & 2) === 2;
  return { critical: (number & 1) === 1, unsafe, noCacheKey: !unsafe && (number & 0x1e) === 0x1c };
}
