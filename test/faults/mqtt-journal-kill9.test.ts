import { afterEach, expect, it } from 'vitest';
import { keptBrokerState } from '../../core/station/broker-journal.ts';
import { BrokerModel } from '../support/broker-model.ts';
import { startLineChild } from '../support/child-lines.ts';
import { killRounds, randomSeed } from '../support/kill-rounds.ts';
import { cleanUp, later, openRecord, recordFolder } from '../support/records.ts';
import { seededRandom } from '../support/seeded-random.ts';

afterEach(cleanUp);

const CHILD = new URL('../support/broker-journal-child.ts', import.meta.url);

it(
  'kill -9: the record holds the broker as it was at one moment, not before the last acknowledgement',
  {
    timeout: 600_000,
  },
  async () => {
    const folder = recordFolder();
    const seed = randomSeed('journal');
    const random = seededRandom(seed);
    for (let round = 0; round < killRounds(6); round++) {
      const child = startLineChild(CHILD, [folder, String(seed)]);
      later(() => child.kill9());
      const opened = Number((await child.line((line) => line.startsWith('open '))).slice(5));
      const enough = opened + random(600);
      await child.line((line) => line.startsWith('ack ') && Number(line.slice(4)) > enough);
      await child.kill9();
      const acknowledged = Number(child.lines.findLast((line) => line.startsWith('ack '))!.slice(4));

      const record = await openRecord(folder);
      const kept = keptBrokerState(record);
      const step = kept.sessions[0]!.leftMs;
      expect(step).toBeGreaterThanOrEqual(acknowledged);
      expect(kept).toEqual(BrokerModel.at(step, seed, null).state());
      await record.close();
    }
  },
);
