import { expect, it } from 'vitest';
import { createLog } from './log.ts';

it('writes one line an event, whatever the message holds, and honours the minimum', () => {
  const lines: string[] = [];
  const log = createLog(
    'mqtt',
    (line) => lines.push(line),
    'info',
    () => 0,
  );
  log.debug('not shown');
  log.warn('two\nlines', { port: 1883, cause: new Error('x\ny') });
  expect(lines).toEqual(['1970-01-01T00:00:00.000Z warn mqtt: two lines port=1883 cause="x\\ny"']);
});
