import { describe, expect, it } from 'vitest';
import type { SavedCoapRequest } from '../../../../../core/contract/coap-browser.ts';
import { compose, EMPTY_FIELDS, fieldsOf, savedOf } from './ask-form.ts';
import type { AskFields } from './ask-form.ts';

const fields = (some: Partial<AskFields> = {}): AskFields => ({ ...EMPTY_FIELDS, ...some });
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

describe('a request from what is written', () => {
  it('has only what was set', () => {
    expect(compose('10.0.0.7/a', 'GET', fields())).toEqual({
      request: { uri: 'coap://10.0.0.7:5683/a', method: 'GET', confirmable: true },
      problems: { options: new Map() },
    });
  });

  it('carries payload and format with the methods that have them', () => {
    const written = fields({
      payload: '{"on":true}',
      contentFormat: 'JSON (50)',
      accept: '60',
      blockBytes: 64,
    });
    expect(compose('h/a', 'iPATCH', written).request).toMatchObject({
      payload: utf8('{"on":true}'),
      contentFormat: 50,
      accept: 60,
      blockBytes: 64,
    });
    for (const method of ['GET', 'DELETE'] as const) {
      const { request } = compose('h/a', method, written);
      expect([request?.payload, request?.contentFormat, request?.accept]).toEqual([undefined, undefined, 60]);
    }
  });

  it('is none while anything is wrong, which is said by field', () => {
    const wrong = (some: Partial<AskFields>, address = 'h/a') => compose(address, 'PUT', fields(some));
    expect(wrong({}, 'http://h').problems.address).toMatch(/not CoAP/);
    expect(wrong({ accept: 'yaml' }).problems.accept).toMatch(/65535/);
    expect(wrong({ contentFormat: '70000' }).problems.contentFormat).toMatch(/65535/);
    expect(wrong({ payload: 'abc', payloadAs: 'hex' }).problems.payload).toMatch(/pairs/);
    expect(wrong({ payload: '{"a":', contentFormat: '50' }).problems.payload).toMatch(/breaks off/);
    expect(wrong({ payload: '{"a":1}', contentFormat: '60' }).problems.payload).toMatch(/JSON to CBOR/);
    const option = { id: 1, which: 'ETag', form: 'hex', value: '' } as const;
    expect(wrong({ options: [option] })).toMatchObject({ request: null });
    expect(wrong({ accept: 'yaml' }).request).toBeNull();
    // What a GET does not carry is no reason not to send it.
    expect(compose('h/a', 'GET', fields({ payload: 'abc', payloadAs: 'hex' })).request).not.toBeNull();
  });

  it('sends a file in place of what is written', () => {
    const file = { name: 'image.bin', bytes: Uint8Array.of(0, 1) };
    expect(compose('h/a', 'PUT', fields({ payload: 'zz', payloadAs: 'hex', file })).request?.payload).toBe(
      file.bytes,
    );
  });
});

describe('a saved request', () => {
  it('comes back as it was written', () => {
    const written = fields({
      confirmable: false,
      blockBytes: 256,
      accept: 'CBOR (60)',
      contentFormat: '4711',
      options: [{ id: 3, which: 'If-Match (1)', form: 'hex', value: 'a1b2' }],
      payload: 'AQI=',
      payloadAs: 'base64',
    });
    const saved = savedOf(' Write it ', 'PUT', 'h/a', written);
    expect(saved).toMatchObject({
      name: 'Write it',
      uri: 'coap://h:5683/a',
      method: 'PUT',
      payloadAs: 'base64',
    });
    expect(fieldsOf({ ...(saved as Omit<SavedCoapRequest, 'id'>), id: '1' }, 3)).toEqual(written);
  });

  it('is refused with words where it cannot be kept', () => {
    expect(savedOf('a', 'GET', 'http://h', fields())).toMatchObject({
      problem: expect.stringMatching(/not CoAP/),
    });
    const file = { name: 'big', bytes: new Uint8Array(65_537) };
    expect(savedOf('a', 'PUT', 'h/a', fields({ file }))).toMatchObject({
      problem: expect.stringMatching(/64 KiB/),
    });
  });
});
