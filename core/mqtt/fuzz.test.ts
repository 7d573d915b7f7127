import { expect, it } from 'vitest';
import { Fuzzing } from '../../test/support/mqtt-fuzz/fuzz.ts';

it('lives through broken packets, others do not notice, and the disk keeps what the broker keeps [MQTT-4.13.1-1, MQTT-4.13.2-1]', async () => {
  const fuzzing = new Fuzzing(20_261_122, { crashEvery: 20 });
  for (let cycle = 0; cycle < 150; cycle++) await fuzzing.cycle();
  await fuzzing.stop();
  expect(fuzzing.counts.connections).toBeGreaterThan(500);
  expect(fuzzing.counts.refused).toBeGreaterThan(100);
});
