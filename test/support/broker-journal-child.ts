/**
 * A process that journals what a broker at random does, and is killed: `node broker-journal-child.ts FOLDER SEED`.
 * Prints `open STEP`, and `ack N` once step N is on disk.
 */
import { silentLog } from '../../core/base/log.ts';
import { brokerJournal, keptBrokerState } from '../../core/station/broker-journal.ts';
import { Record } from '../../core/store/record.ts';
import { BrokerModel } from './broker-model.ts';
import { columns } from './records.ts';

const [folder = '', seed = '1'] = process.argv.slice(2);
const record = await Record.open(folder, { log: silentLog });
const journal = brokerJournal(record);
const done = keptBrokerState(record).sessions[0]?.leftMs ?? 0;
const model = BrokerModel.at(done, Number(seed), journal);
process.stdout.write(`open ${done}\n`);

const waiting: { mark: number; step: number }[] = [];
record.committed.on((mark) => {
  let acknowledged = 0;
  while (waiting.length > 0 && waiting[0]!.mark <= mark) acknowledged = waiting.shift()!.step;
  if (acknowledged > 0) process.stdout.write(`ack ${acknowledged}\n`);
});

function turn(): void {
  for (let i = model.step % 7; i >= 0; i--) {
    model.next();
    record.addReadings(columns([1, model.step, model.step]), model.step, false);
  }
  waiting.push({ mark: journal.mark(model.step % 3 > 0), step: model.step });
  setImmediate(turn);
}
turn();
