/** CoAP Content-Formats by their IANA numbers, with the short names that people use. */
export interface ContentFormat {
  number: number;
  name: string;
  media: string;
}

const FORMATS: readonly ContentFormat[] = (
  [
    [0, 'text', 'text/plain;charset=utf-8'],
    [19, 'ACE CBOR', 'application/ace+cbor'],
    [21, 'GIF', 'image/gif'],
    [22, 'JPEG', 'image/jpeg'],
    [23, 'PNG', 'image/png'],
    [40, 'links', 'application/link-format'],
    [41, 'XML', 'application/xml'],
    [42, 'bytes', 'application/octet-stream'],
    [47, 'EXI', 'application/exi'],
    [50, 'JSON', 'application/json'],
    [51, 'JSON patch', 'application/json-patch+json'],
    [52, 'JSON merge patch', 'application/merge-patch+json'],
    [60, 'CBOR', 'application/cbor'],
    [61, 'CWT', 'application/cwt'],
    [62, 'multipart', 'application/multipart-core'],
    [63, 'CBOR sequence', 'application/cbor-seq'],
    [110, 'SenML JSON', 'application/senml+json'],
    [111, 'SenSML JSON', 'application/sensml+json'],
    [112, 'SenML CBOR', 'application/senml+cbor'],
    [113, 'SenSML CBOR', 'application/sensml+cbor'],
    [114, 'SenML EXI', 'application/senml-exi'],
    [140, 'YANG CBOR, SID', 'application/yang-data+cbor;id=sid'],
    [256, 'CoAP group', 'application/coap-group+json'],
    [257, 'problem details', 'application/concise-problem-details+cbor'],
    [310, 'SenML XML', 'application/senml+xml'],
    [320, 'SenML ETCH JSON', 'application/senml-etch+json'],
    [322, 'SenML ETCH CBOR', 'application/senml-etch+cbor'],
    [432, 'thing description', 'application/td+json'],
    [10_000, 'OCF CBOR', 'application/vnd.ocf+cbor'],
    [11_050, 'JSON, deflate', 'application/json;deflate'],
    [11_060, 'CBOR, deflate', 'application/cbor;deflate'],
    [11_542, 'LwM2M TLV', 'application/vnd.oma.lwm2m+tlv'],
    [11_543, 'LwM2M JSON', 'application/vnd.oma.lwm2m+json'],
    [11_544, 'LwM2M CBOR', 'application/vnd.oma.lwm2m+cbor'],
  ] satisfies [number, string, string][]
).map(([number, name, media]) => ({ number, name, media }));

export const TEXT_FORMAT = 0;
export const LINK_FORMAT = 40;
export const OCTETS_FORMAT = 42;
const JSON_FORMATS = [50, 51, 52, 110, 111, 256, 320, 432, 11_543];
const CBOR_FORMATS = [19, 60, 112, 113, 257, 322, 10_000, 11_544];
const SENML_CBOR_FORMATS = [112, 113, 322];

/** `JSON`; the number itself when it has no name here. */
export function shortFormat(format: number): string {
  return FORMATS.find(({ number }) => number === format)?.name ?? String(format);
}

/** `application/json`, or null. */
export function mediaOf(format: number): string | null {
  return FORMATS.find(({ number }) => number === format)?.media ?? null;
}

export const isJson = (format: number | null): boolean => format !== null && JSON_FORMATS.includes(format);
export const isCbor = (format: number | null): boolean => format !== null && CBOR_FORMATS.includes(format);
export const isSenmlCbor = (format: number | null): boolean =>
  format !== null && SENML_CBOR_FORMATS.includes(format);

/** The `ct` attribute of a link, which may list several numbers: `"0 50"` gives `text, JSON`. */
export function formatsOf(attribute: string | undefined): string {
  if (attribute === undefined) return '';
  return attribute
    .split(/\s+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? shortFormat(Number(part)) : part))
    .join(', ');
}

/** `JSON (50)`; the bare number without a name here. */
export function formatText(format: number): string {
  const name = shortFormat(format);
  return name === String(format) ? name : `${name} (${format})`;
}

/**
 * What a person wrote for a format: a number, `JSON`, `JSON (50)` or `application/json`. Null is none (empty text);
 * undefined is what cannot be a format.
 */
export function readFormat(text: string): number | null | undefined {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return null;
  const digits = /^\d+$/.test(wanted) ? wanted : /\((\d+)\)$/.exec(wanted)?.[1];
  if (digits !== undefined) return Number(digits) <= 65_535 ? Number(digits) : undefined;
  return FORMATS.find(({ name, media }) => name.toLowerCase() === wanted || media === wanted)?.number;
}

/** Formats whose number, name or media type fits; those of `first` (the `ct` of a resource) on top. */
export function fittingFormats(text: string, first: readonly number[] = []): ContentFormat[] {
  const wanted = text.trim().toLowerCase();
  const fits = ({ number, name, media }: ContentFormat): boolean =>
    `${name} (${number}) ${media}`.toLowerCase().includes(wanted);
  const rank = ({ number }: ContentFormat): number => (first.includes(number) ? 0 : 1);
  return FORMATS.filter(fits).sort((a, b) => rank(a) - rank(b) || a.number - b.number);
}
