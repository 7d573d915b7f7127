/**
 * A process that uses a record and is killed: `node record-child.ts FOLDER append|hold`.
 * `append` adds acknowledged readings for ever and prints `ack N` once reading N (t = v = N) is on disk; `hold` only
 * holds the folder. Both print `open` first.
 */
import { silentLog } from '../../core/base/log.ts';
import { Record } from '../../core/store/record.ts';
import { columns } from './records.ts';

const [folder = '', mode = 'hold'] = process.argv.slice(2);
const record = await Record.open(folder, { log: silentLog });
record.updateRunning({ http: 'http://127.0.0.1:8080' });
process.on('SIGTERM', () => void record.close());
process.stdout.write('open\n');

if (mode === 'append') {
  let next = record.status().committedReadings;
  const waiting: { mark: number; last: number }[] = [];
  record.committed.on((mark) => {
    let acknowledged = -1;
    while (waiting.length > 0 && waiting[0]!.mark <= mark) acknowledged = waiting.shift()!.last;
    if (acknowledged >= 0) process.stdout.write(`ack ${acknowledged}\n`);
  });
  setInterval(() => {
    for (let i = 0; i < 50 && record.accepting; i++, next++) {
      record.addReadings(columns([1, next, next]), next, true);
    }
    waiting.push({ mark: record.mark(), last: next - 1 });
  }, 1);
}
