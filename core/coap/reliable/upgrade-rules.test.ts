import type { IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { refuseUpgrade } from './upgrade-rules.ts';

const refusal = (listenHost: string, host: string, origin?: string): string | undefined =>
  refuseUpgrade(
    {
      url: '/.well-known/coap',
      headers: { host, 'sec-websocket-protocol': 'coap', ...(origin === undefined ? {} : { origin }) },
    } as unknown as IncomingMessage,
    listenHost,
  )?.text;

it('a program may use any name where others may come in, and local ones where only this machine may', () => {
  expect(refusal('0.0.0.0', 'plant.example:8683')).toBeUndefined();
  expect(refusal('127.0.0.1', 'localhost:8683')).toBeUndefined();
  expect(refusal('127.0.0.1', '[::1]:8683')).toBeUndefined();
  expect(refusal('127.0.0.1', 'plant.example')).toMatch('this machine only');
});

it('a page is let in by an address or a name of this machine, not by a name that somebody pointed here', () => {
  for (const name of ['10.0.0.7', 'localhost', hostname().toLowerCase(), `${hostname()}.local`]) {
    expect(refusal('0.0.0.0', `${name}:8683`, `http://${name}:3000`)).toBeUndefined();
  }
  expect(refusal('plant.example', 'plant.example', 'https://plant.example')).toBeUndefined();
  // A page of evil.example that has pointed its own name at the machine of its visitor, who is trusted there.
  expect(refusal('0.0.0.0', 'evil.example:8683', 'http://evil.example')).toMatch('not as evil.example');
  expect(refusal('::', 'evil.example', 'http://evil.example:8683')).toMatch('not as evil.example');
});

it('a page of another host is refused, and one that hides where it is from', () => {
  for (const origin of [
    'http://evil.example',
    'null',
    'http://10.0.0.70',
    'file://',
    'http://10.0.0.7.evil.example',
  ]) {
    expect(refusal('0.0.0.0', '10.0.0.7:8683', origin)).toMatch('other hosts');
  }
});
