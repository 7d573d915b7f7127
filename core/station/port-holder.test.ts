import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { inodesOnPort, portHolder, programName } from './port-holder.ts';

it('finds listening sockets only, in the kernel table', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:075B 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  expect(inodesOnPort(table, 'tcp', 1883)).toEqual(['111']);
  expect(inodesOnPort(table, 'udp', 1883)).toEqual(['111', '222']);
  expect(inodesOnPort('', 'tcp', 1883)).toEqual([]);
});

it.runIf(process.platform === 'linux')('names the process that holds a port', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await portHolder('tcp', port)).toMatch(new RegExp(`\\(pid ${process.pid}\\)$`));
  await new Promise((resolve) => server.close(resolve));
  expect(await portHolder('tcp', port)).toBeNull();
});

it('names a program by its file, an interpreter by its script too, and nothing of the other arguments', () => {
  expect(programName('/usr/sbin/mosquitto\0-c\0/etc/mosquitto.conf\0')).toBe('mosquitto');
  expect(programName('/usr/bin/node\0--inspect\0/opt/app/server.mjs\0--password\0x\0')).toBe(
    'node server.mjs',
  );
  expect(programName('python3.11\0-u\0broker.py\0')).toBe('python3.11 broker.py');
  expect(programName('bash\0-c\0secret words\0')).toBe('bash');
  expect(programName('')).toBe('');
});
