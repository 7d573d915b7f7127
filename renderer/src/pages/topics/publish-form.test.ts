import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compose, EMPTY_FIELDS, fieldsOf, messageOf, savedOf } from './publish-form.ts';
import type { Message } from './publish-form.ts';

const fields = { ...EMPTY_FIELDS, topic: 'plant/a' };

it('makes bytes of every way to write a payload', () => {
  const payload = (mode: 'text' | 'json' | 'hex' | 'base64', text: string) =>
    compose({ ...fields, mode, text }).message?.payload;
  expect(payload('text', 'ü')).toEqual(Uint8Array.of(0xc3, 0xbc));
  expect(payload('hex', '01 FF')).toEqual(Uint8Array.of(1, 255));
  expect(payload('base64', 'AQ==')).toEqual(Uint8Array.of(1));
  expect(payload('json', '{"a":9007199254740993}')).toHaveLength(22);
  expect(compose({ ...fields, mode: 'json', text: '{"a":' }).problems.payload).toMatch(/breaks off/);
  expect(compose({ ...fields, mode: 'file' }).problems.payload).toBe('Choose a file.');
});

it('says what is wrong with each field [MQTT-3.3.2-2] [MQTT-3.3.2-14]', () => {
  const { message, problems } = compose({
    ...fields,
    topic: 'a/+',
    expirySeconds: '-1',
    responseTopic: 'b/#',
    correlation: '0x1',
  });
  expect(message).toBeNull();
  expect(Object.keys(problems).sort()).toEqual(['correlation', 'expiry', 'response', 'topic']);
});

it('leaves out properties that are empty', () => {
  expect(compose(fields).message?.properties).toEqual({});
  const some = {
    ...fields,
    payloadFormat: '1' as const,
    users: [
      { name: 'a', value: '' },
      { name: '', value: '' },
    ],
  };
  expect(compose(some).message?.properties).toEqual({ payloadFormat: 1, userProperties: [['a', '']] });
});

it('gives a message back through its fields and through what is saved', () => {
  const message = fc.record<Message>({
    topic: fc.constantFrom('a', 'plant/x', '/a'),
    payload: fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.slice()),
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
    properties: fc.record(
      {
        payloadFormat: fc.constantFrom(0, 1),
        messageExpirySeconds: fc.nat(),
        contentType: fc.constant('text/plain'),
        responseTopic: fc.constant('r/1'),
        correlationData: fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => bytes.slice()),
        userProperties: fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), {
          minLength: 1,
          maxLength: 3,
        }),
      },
      { requiredKeys: [] },
    ),
  });
  fc.assert(
    fc.property(message, (one) => {
      expect(compose(fieldsOf(one))).toEqual({ message: one, problems: {} });
      expect(messageOf({ ...savedOf(one, 'name'), id: 'x' })).toEqual(one);
    }),
  );
});
