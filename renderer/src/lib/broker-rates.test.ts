import { expect, it } from 'vitest';
import { BrokerMeter } from './broker-rates.ts';

const at = (n: number) => ({
  messagesIn: n,
  messagesOut: 2 * n,
  bytesIn: 100 * n,
  bytesOut: 200 * n,
  droppedOut: 0,
});

it('has no rate before there are two samples', () => {
  const meter = new BrokerMeter();
  expect(meter.take(1_000, at(50))).toBeNull();
  expect(meter.take(2_000, at(60))).toEqual({
    messagesIn: 10,
    messagesOut: 20,
    bytesIn: 1_000,
    bytesOut: 2_000,
    droppedOut: 0,
  });
});

it('follows a change within the window and forgets what was before it', () => {
  const meter = new BrokerMeter();
  for (let second = 0; second <= 10; second++) meter.take(second * 1_000, at(0));
  expect(meter.take(11_000, at(40))?.messagesIn).toBe(10);
  let rate = 0;
  for (let second = 12; second <= 15; second++) rate = meter.take(second * 1_000, at(40))!.messagesIn;
  expect(rate).toBe(0);
});

it('begins anew when the station was restarted or the connection was lost for long', () => {
  const meter = new BrokerMeter();
  meter.take(1_000, at(500));
  meter.take(2_000, at(600));
  expect(meter.take(3_000, at(4))).toBeNull();
  expect(meter.take(4_000, at(6))?.messagesIn).toBe(2);
  expect(meter.take(60_000, at(1_000_000))).toBeNull();
});

it('ignores a sample that is not newer', () => {
  const meter = new BrokerMeter();
  meter.take(1_000, at(0));
  meter.take(2_000, at(10));
  expect(meter.take(2_000, at(1_000))?.messagesIn).toBe(10);
});
