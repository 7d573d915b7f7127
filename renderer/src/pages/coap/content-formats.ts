/** CoAP Content-Formats by their IANA numbers, with the short names that people use. */
const FORMATS: readonly [number, string, string][] = [
  [0, 'text', 'text/plain'],
  [40, 'links', 'application/link-format'],
  [41, 'XML', 'application/xml'],
  [42, 'bytes', 'application/octet-stream'],
  [47, 'EXI', 'application/exi'],
  [50, 'JSON', 'application/json'],
  [60, 'CBOR', 'application/cbor'],
  [110, 'SenML JSON', 'application/senml+json'],
  [112, 'SenML CBOR', 'application/senml+cbor'],
  [310, 'SenML XML', 'application/senml+xml'],
  [11_542, 'LwM2M TLV', 'application/vnd.oma.lwm2m+tlv'],
  [11_543, 'LwM2M JSON', 'application/vnd.oma.lwm2m+json'],
  [11_544, 'LwM2M CBOR', 'application/vnd.oma.lwm2m+cbor'],
];

export const TEXT_FORMAT = 0;
export const LINK_FORMAT = 40;
export const OCTETS_FORMAT = 42;

/** `JSON`; the number itself when it has no name here. */
export function shortFormat(format: number): string {
  return FORMATS.find(([number]) => number === format)?.[1] ?? String(format);
}

/** The `ct` attribute of a link, which may list several numbers: `"0 50"` gives `text, JSON`. */
export function formatsOf(attribute: string | undefined): string {
  if (attribute === undefined) return '';
  return attribute
    .split(/\s+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? shortFormat(Number(part)) : part))
    .join(', ');
}

/** What can be chosen for a payload or asked for, as values of a select. */
export function formatChoices(none: string): { value: string; label: string; note?: string }[] {
  return [
    { value: '', label: none },
    ...FORMATS.map(([number, label, media]) => ({
      value: String(number),
      label: `${label} (${number})`,
      note: media,
    })),
  ];
}
