/** Options as people read them. */
import { contentFormatName } from './content-formats.ts';
import { ACCEPT, CONTENT_FORMAT, decodeUint, optionDefinition, optionName } from './options.ts';
import type { CoapOption } from './options.ts';
import { BERT_SZX, decodeBlock } from './block.ts';

export interface OptionView {
  number: number;
  name: string;
  /** Text, a number, `3/1/1024` or `3/1/BERT` for a block (number/more/bytes), or hex for opaque and unknown ones. */
  value: string;
}

export function viewOptions(options: readonly CoapOption[]): OptionView[] {
  return options.map((option) => ({
    number: option.number,
    name: optionName(option.number),
    value: optionText(option),
  }));
}

function optionText({ number, value }: CoapOption): string {
  const definition = optionDefinition(number);
  if (definition === undefined || value.length > definition.maxBytes) return hex(value);
  switch (definition.format) {
    case 'empty':
      return '';
    case 'opaque':
      return hex(value);
    case 'string':
      return new TextDecoder().decode(value);
    case 'uint': {
      const plain = decodeUint(value);
      const name = number === CONTENT_FORMAT || number === ACCEPT ? contentFormatName(plain) : null;
      return name === null ? String(plain) : `${plain} (${name})`;
    }
    case 'block': {
      const block = decodeBlock(value, BERT_SZX);
      if (block === undefined) return hex(value);
      return `${block.number}/${block.more ? 1 : 0}/${block.szx === BERT_SZX ? 'BERT' : block.bytes}`;
    }
  }
}

function hex(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex');
}
