import { describe, expect, it } from 'vitest';
import type { Request } from './ask-form.ts';
import { coapClientLine, curlLine, quoted } from './copy-lines.ts';

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const get: Request = { uri: 'coap://10.0.0.7:5683/a', method: 'GET', confirmable: true };
const put: Request = {
  uri: "coap://10.0.0.7:5683/it's?x=1&y=2",
  method: 'PUT',
  confirmable: false,
  blockBytes: 64,
  accept: 60,
  contentFormat: 50,
  options: [
    { number: 1, value: Uint8Array.of(0xa1, 0xb2) },
    { number: 5, value: new Uint8Array(0) },
  ],
  payload: utf8('{"t":"100%","n":"caf\u00e9 $HOME `x`"}\n'),
};

describe('quoting for a shell', () => {
  it('leaves what a shell leaves, and wraps the rest', () => {
    expect(["it's", '$HOME `id`', '', '*', '-m', 'plain/1.2', '\n'].map(quoted)).toEqual([
      "'it'\\''s'",
      "'$HOME `id`'",
      "''",
      "'*'",
      '-m',
      'plain/1.2',
      "'\n'",
    ]);
  });
});

describe('a coap-client line', () => {
  it('has no more than is needed', () => {
    expect(coapClientLine(get)).toEqual({
      line: 'coap-client-notls -m get coap://10.0.0.7:5683/a',
      notes: [],
    });
  });

  it('says all that was set', () => {
    expect(coapClientLine(put).line).toBe(
      `coap-client-notls -m put -N -b 64 -A 60 -t 50 -O 1,0xa1b2 -O 5, ` +
        `-e '{"t":"100%25","n":"caf%C3%A9 $HOME \`x\`"}%0A' 'coap://10.0.0.7:5683/it'\\''s?x=1&y=2'`,
    );
  });

  it('reads what is long from a file, and says where there is none', () => {
    const { line, notes } = coapClientLine({ ...put, payload: new Uint8Array(5_000) });
    expect(line).toContain('-f payload.bin');
    expect(notes).toHaveLength(1);
    expect(coapClientLine({ ...get, uri: 'coaps+tcp://h:5684/a' }).line).toMatch(/^coap-client-openssl /);
    expect(coapClientLine({ ...get, uri: 'coap+ws://h:80/a' })).toMatchObject({ line: null });
  });
});

describe('a curl line', () => {
  const at = 'http://127.0.0.1:8080';

  it('goes through the proxy of the station', () => {
    expect(curlLine(get, at).line).toBe(
      `curl -i -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8080/hc/coap://10.0.0.7:5683/a`,
    );
  });

  it('carries formats, conditions and text', () => {
    const { line, notes } = curlLine({ ...put, accept: 4_711, payload: utf8('@on') }, at);
    expect(line).toContain('-X PUT');
    expect(line).toContain("-H 'Accept: application/coap-payload;cf=4711'");
    expect(line).toContain("-H 'Content-Type: application/json'");
    expect(line).toContain(`-H 'If-Match: "a1b2"'`);
    expect(line).toContain("-H 'If-None-Match: *'");
    // --data-raw: an @ at the beginning is no file.
    expect(line).toContain('--data-raw @on');
    expect(notes.some((note) => note.includes('CON'))).toBe(true);
  });

  it('carries bytes through base64, and says what HTTP cannot', () => {
    const bytes = curlLine({ ...put, payload: Uint8Array.of(0, 255) }, at).line;
    expect(bytes).toMatch(/^echo AP8= \| base64 -d \| curl .* --data-binary @- /);
    expect(
      curlLine({ ...get, options: [{ number: 252, value: Uint8Array.of(1) }] }, at).notes.join(),
    ).toContain('252');
    expect(curlLine({ ...get, method: 'FETCH' }, at)).toMatchObject({ line: null });
  });
});
