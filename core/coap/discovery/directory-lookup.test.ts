import { expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { lookupDirectory } from './directory-lookup.ts';

const signal = new AbortController().signal;
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
  const from = async (directory: string) => (await lookupDirectory(directory, readLinks, signal)).length;
  expect(await from('coap://rd.example')).toBe(1);
  expect(await from('coap://127.0.0.1')).toBe(6);
});

test('a directory elsewhere does not send its lookup to this machine', async () => {
  const core = '<coap://127.0.0.1:5683/x>;rt="core.rd-lookup-ep"';
  expect(await lookup({ '/.well-known/core?rt=core.rd*': core })).toBe('coap.refused');
});
