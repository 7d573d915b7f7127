import { afterEach, expect, it } from 'vitest';
import { BrokerModel } from '../../test/support/broker-model.ts';
import { committed, cleanUp, openRecord, recordFolder } from '../../test/support/records.ts';
import { brokerJournal, keptBrokerState } from './broker-journal.ts';

afterEach(cleanUp);

it.each([1, 2, 3, 4])(
  'keeps through starts and stops what a broker at random did (seed %i)',
  async (seed) => {
    const folder = recordFolder();
    for (const last of [1, 300, 900, 2_500]) {
      const record = await openRecord(folder);
      const kept = keptBrokerState(record);
      const step = kept.sessions[0]?.leftMs ?? 0;
      const model = BrokerModel.at(step, seed, brokerJournal(record));
      if (step > 0) expect(kept).toEqual(model.state());
      while (model.step < last) {
        model.next();
        if (model.step % 50 === 0) await committed(record, brokerJournal(record).mark(true));
      }
      await record.close();
    }
  },
);
