import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createView, frameOf, type PublishFrame } from './publish-frame.ts';

/** QoS 1 PUBLISH of level 4 with topic `a/N` and `payload`, which stands at `at` of a read buffer. */
function viewOf(
  view: PublishFrame,
  topic: string,
  payload: string,
  at = 7,
): { view: PublishFrame; read: Buffer } {
  const body = Buffer.concat([
    Buffer.from([0, topic.length]),
    Buffer.from(topic),
    Buffer.from([0, 9]),
    Buffer.from(payload),
  ]);
  const packet = Buffer.concat([Buffer.from([0x32, (body.length & 127) | 128, body.length >> 7]), body]);
  const read = Buffer.concat([Buffer.alloc(at, 0xff), packet, Buffer.alloc(3, 0xff)]);
  const topicStart = at + 5;
  const topicEnd = topicStart + topic.length;
  view.point(read, at, topicEnd + 2, at + packet.length, topic, topicStart, topicEnd, 4, 1);
  return { view, read };
}

function partsOf(frame: PublishFrame) {
  return {
    topic: frame.topicBytes.toString('latin1', frame.topicStart, frame.topicEnd),
    payload: frame.payload.toString(),
    properties: frame.properties.length,
    size: frame.size,
  };
}

describe('a frame that is kept', () => {
  for (const how of ['keep', 'keepBriefly'] as const) {
    test(`${how}: outlives the read buffer, at every size`, () => {
      for (const length of [0, 1, 60, 240, 300, 1_100]) {
        const payload = 'x'.repeat(length);
        const { view, read } = viewOf(createView(), 'a/b', payload);
        const { size } = view;
        const kept = view[how]();
        read.fill(0);
        expect(partsOf(kept)).toEqual({ topic: 'a/b', payload, properties: 0, size });
        expect(kept.keep()).toBe(kept);
        expect(kept.keepBriefly()).toBe(kept);
      }
    });
  }

  test('small messages that are kept briefly share memory, and never a byte of it', () => {
    const view = createView();
    const kept = Array.from({ length: 40 }, (_, index) =>
      viewOf(view, `t/${index}`, `payload ${index}`).view.keepBriefly(),
    );
    expect(new Set(kept.map(({ bytes }) => bytes)).size).toBeLessThan(5);
    kept.forEach((frame, index) =>
      expect(partsOf(frame)).toMatchObject({ topic: `t/${index}`, payload: `payload ${index}` }),
    );
  });

  test('what is kept for good does not pin the memory of others', () => {
    const { view } = viewOf(createView(), 'a/b', 'short');
    const brief = view.keepBriefly();
    const kept = view.keep();
    expect(kept.bytes.buffer.byteLength).toBe(kept.size);
    expect(kept.bytes).not.toBe(brief.bytes);
    expect(view.keepBriefly()).toBe(kept);
    view.point(
      view.bytes,
      view.start,
      view.payloadStart,
      view.end,
      'a/b',
      view.topicStart,
      view.topicEnd,
      4,
      1,
    );
    expect(view.keep()).not.toBe(kept);
    expect(view.keepBriefly()).not.toBe(brief);
  });

  test('properties come along, whole or in parts', () => {
    const properties = Buffer.from([0x01, 1]);
    const made = frameOf({ topic: 'a', payload: Buffer.from('pp'), properties, qos: 1 });
    expect(partsOf(made)).toMatchObject({ topic: 'a', payload: 'pp', properties: 2 });
    const view = createView();
    view.point(
      made.bytes,
      made.start,
      made.payloadStart,
      made.end,
      'a',
      made.topicStart,
      made.topicEnd,
      5,
      1,
    );
    view.propertyBytes = made.propertyBytes;
    view.propertiesStart = made.propertiesStart;
    view.propertiesEnd = made.propertiesEnd;
    for (const kept of [view.keep(), view.keepBriefly()]) {
      expect(kept.properties).toEqual(properties);
      expect(partsOf(kept)).toEqual(partsOf(made));
    }
  });
});
