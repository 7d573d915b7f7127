import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { formatLinks, parseLinkFormat } from '../links/link-format.ts';
import { secureRandom } from '../random.ts';
import { Directory } from './directory.ts';
import { readParameters } from './parameters.ts';
import type { RegistrationParameters } from './parameters.ts';
import type { Registrant } from './registration.ts';

const anyone: Registrant = {
  transport: 'udp',
  from: { address: '10.0.0.99', port: 40_000, family: 4 },
  identity: null,
};
const onEth0: Registrant = { ...anyone, from: { address: 'fe80::99%eth0', port: 40_000, family: 6 } };

/** The list of RFC 6690 §5, with which RFC 9176 §6.3 shows lookups. */
const SENSORS =
  '</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor",' +
  '</sensors/light>;rt="light-lux";if="sensor",' +
  '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",' +
  '</t>;anchor="/sensors/temp";rel="alternate"';

function plant() {
  let count = 0;
  const random = { ...secureRandom(), bytes: () => Uint8Array.of(0, 0, 0, ++count) };
  const directory = new Directory({ clock: new ManualClock(), random });
  const register = (query: string[], links: string, by = anyone) => {
    const parameters = readParameters(query) as RegistrationParameters;
    const outcome = directory.register(parameters, links, by);
    if (!outcome.ok) throw new Error(outcome.why);
  };
  register(['ep=sensor1', 'base=coap://sensor1.example.com', 'et=tag:x,2020:platform'], SENSORS);
  register(
    ['ep=node 5', 'd=floor-3', 'base=coap://[2001:db8:3::127]:61616/', 'et=oic.d.lamp', 'et=core.rd-group'],
    '</lamp>;rt="light-lux oic.r.switch",<temp>',
  );
  register(['ep=local'], '</here>', {
    ...anyone,
    from: { address: 'fe80::7%eth0', port: 5683, family: 6 },
  });
  const text = (outcome: ReturnType<Directory['lookupEndpoints']>) => {
    return outcome.ok ? formatLinks(outcome.value) : outcome.why;
  };
  return {
    endpoints: (query: string[], by = anyone) => text(directory.lookupEndpoints(query, by)),
    resources: (query: string[], by = anyone) => text(directory.lookupResources(query, by)),
  };
}

const FIRST =
  '</rd/00000001>;ep="sensor1";base="coap://sensor1.example.com";et="tag:x,2020:platform";rt="core.rd-ep"';
const SECOND =
  '</rd/00000002>;ep="node 5";d="floor-3";base="coap://[2001:db8:3::127]:61616";' +
  'et="oic.d.lamp";et="core.rd-group";rt="core.rd-ep"';

test.each<[string[], string]>([
  [[], `${FIRST},${SECOND}`],
  [['ep=node 5'], SECOND],
  [['ep=node*'], SECOND],
  [['et=core.rd-group'], SECOND],
  [['d=floor-3', 'et=oic*'], SECOND],
  [['d=floor-3', 'ep=sensor1'], ''],
  [['rt=core.rd-ep', 'count=1'], FIRST],
  [['page=1', 'count=1'], SECOND],
  [['base=coap://sensor1*'], FIRST],
  [['href=/rd/00000002'], SECOND],
  [['href=coap://rd.example/rd/00000002'], SECOND],
  // by any of its resources, also several criteria by several of them (§6.2)
  [['rt=oic.r.switch'], SECOND],
  [['rt=temperature-c', 'title=Sensor*'], FIRST],
  [['href=coap://sensor1.example.com/t'], FIRST],
  [['lt=90000'], ''],
])('endpoints %j', (query, expected) => expect(plant().endpoints(query)).toBe(expected));

test('resources have resolved targets and anchors, the rest as registered (§6.1, §6.3)', () => {
  expect(plant().resources(['et=tag:x,2020:platform'])).toBe(
    '<coap://sensor1.example.com/sensors>;ct=40;title="Sensor Index",' +
      '<coap://sensor1.example.com/sensors/temp>;rt="temperature-c";if="sensor",' +
      '<coap://sensor1.example.com/sensors/light>;rt="light-lux";if="sensor",' +
      '<http://www.example.com/sensors/t123>;anchor="coap://sensor1.example.com/sensors/temp";rel="describedby",' +
      '<coap://sensor1.example.com/t>;anchor="coap://sensor1.example.com/sensors/temp";rel="alternate"',
  );
});

const LAMP = '<coap://[2001:db8:3::127]:61616/lamp>;rt="light-lux oic.r.switch"';

test.each<[string[], string]>([
  [['rt=light-lux', 'd=floor-3'], LAMP],
  [['ep=node 5'], `${LAMP},<coap://[2001:db8:3::127]:61616/temp>`],
  [['href=/rd/00000002', 'rt=*'], `${LAMP},<coap://[2001:db8:3::127]:61616/temp>`],
  [['rt=light-lux'], `<coap://sensor1.example.com/sensors/light>;rt="light-lux";if="sensor",${LAMP}`],
  [['rt=light-lux', 'page=1', 'count=1'], LAMP],
  [['href=coap://[2001:db8:3::127]:61616/l*'], LAMP],
  [['href=/lamp'], ''],
  [
    ['anchor=coap://sensor1.example.com/sensors/temp', 'rel=alternate'],
    '<coap://sensor1.example.com/t>;anchor="coap://sensor1.example.com/sensors/temp";rel="alternate"',
  ],
  [['page=1'], 'page and count are whole numbers, and page needs count'],
])('resources %j', (query, expected) => expect(plant().resources(query)).toBe(expected));

test('what is link-local is told on its link alone, and never with its scope (§6.1, §6.4)', () => {
  const { endpoints, resources } = plant();
  expect(endpoints(['ep=local'])).toBe('');
  expect(resources(['ep=local'])).toBe('');
  expect(endpoints(['ep=local'], onEth0)).toBe(
    '</rd/00000003>;ep="local";base="coap://[fe80::7]:5683";rt="core.rd-ep"',
  );
  expect(resources(['ep=local'], onEth0)).toBe('<coap://[fe80::7]:5683/here>');
});

test('whatever is registered and asked: an outcome, and lists that read back', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'ep=',
      'd=',
      'lt=',
      'base=',
      'base=coap://',
      'et=',
      'a=',
      'page=',
      'count=',
      'href=',
      'rt=',
    ),
    fc.constantFrom('*', '"', '\\', '<', '>', ';', ',', '%', '[fe80::1]', '10.0.0.1', '7', '=', ' '),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
  const parts = (count: number) =>
    fc.array(
      fc.array(piece, { maxLength: 3 }).map((texts) => texts.join('')),
      { maxLength: count },
    );
  const listed = fc.array(
    fc.constantFrom('<', '>', '/a', ';', ',', 'rt', '=', '"', ' ', '\\', 'anchor', '//'),
    {
      maxLength: 12,
    },
  );
  const directory = new Directory({
    clock: new ManualClock(),
    random: secureRandom(),
    limits: { perPeer: 2_000 },
  });
  fc.assert(
    fc.property(parts(4), listed, parts(3), fc.boolean(), (query, links, search, scoped) => {
      const by = scoped ? onEth0 : anyone;
      const parameters = readParameters(['ep=x', ...query.filter((one) => !one.startsWith('ep='))]);
      if (typeof parameters === 'string') return;
      const outcome = directory.register(parameters, links.join(''), by);
      if (!outcome.ok) expect([0x80, 0x83]).toContain(outcome.code);
      for (const found of [directory.lookupEndpoints(search, by), directory.lookupResources(search, by)]) {
        if (found.ok) expect(() => parseLinkFormat(formatLinks(found.value))).not.toThrow();
      }
    }),
    { numRuns: 2_000 },
  );
});
