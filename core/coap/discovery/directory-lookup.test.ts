import { expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { coapError } from '../errors.ts';
import type { HostResolver } from '../resolve.ts';
import { parseCoapUri } from '../uri.ts';
import { lookupDirectory } from './directory-lookup.ts';
import { whereabouts } from './elsewhere.ts';

const signal = new AbortController().signal;
const ELSEWHERE = { here: false, resolver: () => Promise.resolve(['10.0.0.1']) };
const RD = 'coap://rd.example:5683';
const EP = '</rd>;rt="core.rd",</rd-lookup/ep>;rt="core.rd-lookup-ep";ct=40';
const RES = '</look>;rt="other core.rd-lookup-res"';

async function lookup(answers: Record<string, string>): Promise<unknown> {
  const asked: string[] = [];
  try {
    const found = await lookupDirectory(
      'coap://rd.example/some/page',
      (uri) => {
        asked.push(uri.slice(RD.length));
        return Promise.resolve(answers[asked.at(-1)!] ?? '');
      },
      signal,
      ELSEWHERE,
    );
    return { asked, found };
  } catch (error) {
    return codeOf(error);
  }
}

test('endpoints with their names and bases, those that are no CoAP servers left out', async () => {
  const endpoints =
    '</rd/1>;ep="a";base="coap://[2001:db8::1]:61616",</rd/2>;ep="b";con="coap://10.0.0.2",' +
    '</rd/3>;ep="c";base="http://10.0.0.3",</rd/4>;ep="d",</rd/5>;base="coap://10.0.0.2/x"';
  const answers = { '/.well-known/core?rt=core.rd*': `${EP},${RES}`, '/rd-lookup/ep': endpoints };
  expect(await lookup(answers)).toEqual({
    asked: ['/.well-known/core?rt=core.rd*', '/rd-lookup/ep'],
    found: [
      { authority: 'coap://[2001:db8::1]:61616', name: 'a' },
      { authority: 'coap://10.0.0.2:5683', name: 'b' },
    ],
  });
});

test('without an endpoint lookup the resources tell', async () => {
  const answers = {
    '/.well-known/core?rt=core.rd*': RES,
    '/look': '<coap://10.0.0.7/a>;rt="x",<coap://10.0.0.7/b>,<http://x/>',
  };
  expect(await lookup(answers)).toMatchObject({ found: [{ authority: 'coap://10.0.0.7:5683', name: null }] });
});

test('a server that is no directory, and lists that cannot be read', async () => {
  expect(await lookup({ '/.well-known/core?rt=core.rd*': '</t>' })).toBe('coap.refused');
  expect(await lookup({ '/.well-known/core?rt=core.rd*': '</t' })).toBe('coap.links_malformed');
  expect(await lookup({ '/.well-known/core?rt=core.rd*': EP, '/rd-lookup/ep': '{}' })).toBe(
    'coap.links_malformed',
  );
});

test('servers of this machine only from a directory on it, whatever they are called', async () => {
  const endpoints = [
    ...['127.0.0.1:7', 'localhost', 'a.localhost.', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.2'],
  ].map((host, index) => `</rd/${index}>;ep="${index}";base="coap://${host}"`);
  const readLinks = (uri: string) => Promise.resolve(uri.includes('.well-known') ? EP : endpoints.join(','));
  const from = async (directory: string) => {
    const place = await whereabouts(parseCoapUri(directory), ELSEWHERE.resolver);
    return (await lookupDirectory(directory, readLinks, signal, place)).length;
  };
  expect(await from('coap://rd.example')).toBe(1);
  expect(await from('coap://127.0.0.1')).toBe(6);
});

test('a directory elsewhere does not send its lookup to this machine', async () => {
  const core = '<coap://127.0.0.1:5683/x>;rt="core.rd-lookup-ep"';
  expect(await lookup({ '/.well-known/core?rt=core.rd*': core })).toBe('coap.refused');
});

/** Names as they are looked up one after the other; the last one stays. */
function names(known: Record<string, string[][]>): HostResolver {
  return (host) => {
    const answers = known[host];
    if (answers === undefined) return Promise.reject(new Error(`getaddrinfo ENOTFOUND ${host}`));
    return Promise.resolve(answers.length > 1 ? answers.shift()! : answers[0]!);
  };
}

/** Where each list was read from, as the names led there when they were asked. */
async function read(directory: string, resolver: HostResolver, lookupLink = EP) {
  const asked: string[] = [];
  const readLinks = async (uri: string, _signal: AbortSignal, ofRequest: HostResolver) => {
    const { host, path } = parseCoapUri(uri);
    asked.push(`${path} of ${(await ofRequest(host)).join()}`);
    return path === '/.well-known/core' ? lookupLink : '</rd/1>;ep="a";base="coap://node.example"';
  };
  const place = await whereabouts(parseCoapUri(directory), resolver);
  const failure = await lookupDirectory(directory, readLinks, signal, place).then(() => null, codeOf);
  const node = await place.resolver('node.example').catch((error: unknown) => codeOf(error));
  return { here: place.here, asked, failure, node };
}

test('a name that leads to this machine counts as its address does', async () => {
  const known = () => ({
    'rd.example': [['10.0.0.1']],
    '10.0.0.1': [['10.0.0.1']],
    'here.example': [['127.0.0.1', '::1']],
    'node.example': [['127.0.0.1']],
    'both.example': [['127.0.0.1', '10.0.0.9']],
  });
  const far = await read('coap://rd.example', names(known()));
  expect(far).toEqual({
    here: false,
    asked: ['/.well-known/core of 10.0.0.1', '/rd-lookup/ep of 10.0.0.1'],
    failure: null,
    node: 'coap.refused',
  });
  // The lookup itself is somewhere else, and asked there or not at all.
  const elsewhere = (host: string) => `<coap://${host}/x>;rt="core.rd-lookup-ep"`;
  expect(await read('coap://rd.example', names(known()), elsewhere('here.example'))).toMatchObject({
    asked: ['/.well-known/core of 10.0.0.1'],
    failure: 'coap.refused',
  });
  expect(await read('coap://10.0.0.1', names(known()), elsewhere('both.example'))).toMatchObject({
    here: false,
    asked: [expect.any(String), '/x of 10.0.0.9'],
  });
  expect(await read('coap://both.example', names(known()))).toMatchObject({
    here: false,
    asked: ['/.well-known/core of 10.0.0.9', '/rd-lookup/ep of 10.0.0.9'],
    node: 'coap.refused',
  });
  // A person asked this machine: what it names on it may be asked.
  expect(await read('coap://here.example', names(known()))).toMatchObject({
    here: true,
    asked: ['/.well-known/core of 127.0.0.1,::1', '/rd-lookup/ep of 127.0.0.1,::1'],
    node: ['127.0.0.1'],
  });
  expect(await read('coap://localhost', names({ ...known(), localhost: [['127.0.0.1']] }))).toMatchObject({
    here: true,
    node: ['127.0.0.1'],
  });
});

test('a name that leads elsewhere a moment later is asked where it was looked at (DNS rebinding)', async () => {
  const rebound = { 'rd.example': [['10.0.0.1'], ['127.0.0.1']], 'node.example': [['10.0.0.7']] };
  expect((await read('coap://rd.example', names(rebound))).asked).toEqual([
    '/.well-known/core of 10.0.0.1',
    '/rd-lookup/ep of 10.0.0.1',
  ]);
  const turned = { 'rd.example': [['127.0.0.1'], ['10.0.0.1']], 'node.example': [['127.0.0.1']] };
  expect(await read('coap://rd.example', names(turned))).toMatchObject({
    here: true,
    asked: ['/.well-known/core of 127.0.0.1', '/rd-lookup/ep of 127.0.0.1'],
  });
});

test('a name that is not known says so', async () => {
  await expect(whereabouts(parseCoapUri('coap://rd.example'), names({}))).rejects.toMatchObject({
    code: 'coap.host_not_found',
  });
  const forbidden = () => Promise.reject(coapError('coap.forbidden', 'no'));
  await expect(whereabouts(parseCoapUri('coap://rd.example'), forbidden)).rejects.toMatchObject({
    code: 'coap.forbidden',
  });
});
