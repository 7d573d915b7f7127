/** What the station keeps of CoAP besides resources: saved requests in a file, registrations in the record. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog, silentLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { Directory } from '../../coap/directory/directory.ts';
import { secureRandom } from '../../coap/random.ts';
import type { SavedCoapRequest } from '../../contract/coap-browser.ts';
import { DeviceRegistry } from '../../devices/registry.ts';
import type { CoapRegistrationRecord } from '../../store/types.ts';
import { DirectoryDesk } from './directory-desk.ts';
import { savedRequests } from './saved-requests.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-kept-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const request: Omit<SavedCoapRequest, 'id'> = {
  ...{ name: 'Setpoint', uri: 'coap://10.0.0.7/setpoint', method: 'PUT', confirmable: true },
  ...{ blockBytes: null, accept: null, contentFormat: 0, payloadAs: 'hex' },
  options: [{ number: 65_000, value: Uint8Array.of(0, 0xff) }],
  payload: Uint8Array.of(0xff, 0),
};

it('saved requests are bytes again when they are read, in a file for its owner alone', () => {
  const saved = savedRequests(folder, silentLog).save(request);
  const [path] = readdirSync(folder).map((name) => join(folder, name));
  expect(statSync(path!).mode & 0o777).toBe(0o600);
  expect(savedRequests(folder, silentLog).list()).toEqual([saved]);
});

it('a damaged list is set aside and said; the next one starts anew', () => {
  savedRequests(folder, silentLog).save(request);
  const path = join(folder, readdirSync(folder)[0]!);
  writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20));
  const lines: string[] = [];
  const anew = savedRequests(
    folder,
    createLog('coap', (line) => lines.push(line)),
  );
  expect(anew.list()).toEqual([]);
  expect(lines.join()).toContain('the saved CoAP requests');
  anew.save(request);
  expect(savedRequests(folder, silentLog).list()).toHaveLength(1);
  expect(readdirSync(folder)).toHaveLength(2);
});

it('500 are kept, and one of them may still be changed', () => {
  const list = savedRequests(folder, silentLog);
  const ids = Array.from({ length: 500 }, () => list.save(request).id);
  expect(() => list.save(request)).toThrow(expect.objectContaining({ code: 'coap.too_many_requests' }));
  expect(list.save({ ...request, id: ids[7], name: 'Another' }).name).toBe('Another');
  list.remove(ids[7]!);
  list.save(request);
});

it('registrations come back from the record; what expired or cannot be read is forgotten there too', () => {
  const clock = new ManualClock(1_000_000);
  const rows = new Map<string, string | null>();
  const store = {
    putRegistration: ({ location, registration }: CoapRegistrationRecord) =>
      void rows.set(location, registration),
  };
  const registry = new DeviceRegistry({ clock, sink: { putDevice() {}, putSeries() {} } });
  const build = () => {
    const directory = new Directory({ clock, random: secureRandom() });
    const told: string[] = [];
    const desk = { told: (base: string) => void told.push(base) };
    return {
      directory,
      told,
      directoryDesk: new DirectoryDesk({ directory, desk, registry, store, log: silentLog }),
    };
  };
  const first = build();
  const from = { address: '10.0.0.7', port: 5683, family: 4 } as const;
  const register = (endpoint: string, lifetimeSeconds: number) =>
    first.directory.register({ endpoint, lifetimeSeconds, attributes: [] }, '</t>', {
      ...{ transport: 'udp', from, identity: null },
    });
  register('long', 3_600);
  register('short', 60);
  expect(first.told).toContain('coap://10.0.0.7:5683');
  first.directoryDesk.stop();
  first.directory.stop();
  rows.set('/rd/bad', '{"endpoint":');
  clock.advance(120_000);

  const second = build();
  second.directoryDesk.load(Array.from(rows, ([location, registration]) => ({ location, registration })));
  const { registrations } = second.directoryDesk.view();
  expect(registrations).toMatchObject([
    {
      endpoint: 'long',
      base: 'coap://10.0.0.7:5683',
      links: [{ path: '/t' }],
      deviceId: expect.any(Number) as number,
    },
  ]);
  expect([...rows.values()].filter((row) => row !== null)).toHaveLength(1);
  second.directoryDesk.remove(registrations[0]!.location);
  expect([...rows.values()].filter((row) => row !== null)).toEqual([]);
  expect(() => second.directoryDesk.remove(registrations[0]!.location)).toThrow(
    expect.objectContaining({ code: 'coap.unknown_registration' }),
  );
  second.directoryDesk.stop();
  second.directory.stop();
});
