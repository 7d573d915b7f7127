/**
 * Debian's libcoap as the other end of a plugtest: what it says of every message (`-v 7`) is read back, so that codes,
 * options, tokens and ids are those that another implementation saw on the wire.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort, missingPeers, startPeer, stopChild } from './peers.ts';
import { Waiting } from './waiting.ts';

export type Way = 'udp' | 'tcp' | 'openssl' | 'gnutls';
export const WAYS: readonly Way[] = ['udp', 'tcp', 'openssl', 'gnutls'];

/** Debian's program for a way: `udp` and `tcp` share the one without TLS. */
export function backEndOf(way: Way): 'notls' | 'openssl' | 'gnutls' {
  return way === 'udp' || way === 'tcp' ? 'notls' : way;
}

export const SCHEME_OF: Record<Way, string> = {
  udp: 'coap',
  tcp: 'coap+tcp',
  openssl: 'coaps+tcp',
  gnutls: 'coaps+tcp',
};

/**
 * Missing programs of libcoap, and OpenSSL's own that makes certificates, with the reason printed; empty when all are
 * there.
 */
export function missingLibcoap(...ways: Way[]): string[] {
  const backEnds = [...new Set(ways.map(backEndOf))];
  const programs = backEnds.flatMap((each) => [`coap-server-${each}`, `coap-client-${each}`]);
  return missingPeers(...programs, ...(backEnds.some((each) => each !== 'notls') ? ['openssl'] : []));
}

/** One message as libcoap printed it, seen from libcoap. */
export interface Pdu {
  way: 'sent' | 'received';
  transport: 'udp' | 'tcp' | 'tls';
  /** CON, NON, ACK or RST; null over TCP and TLS, which have none. */
  type: string | null;
  /** `GET`, `2.05`, `0.00`, `CSM`. */
  code: string;
  /** Null over TCP and TLS. */
  messageId: string | null;
  /** Hexadecimal. */
  token: string;
  /** In their order on the wire: name and value as libcoap writes them. */
  options: [name: string, value: string][];
  /** Text as it is; of binary data only the hexadecimal that libcoap prints; empty without one. */
  payload: string;
  /** What came or went at once, this message first; 0 where libcoap does not say: with OpenSSL, and for later messages. */
  bytes: number;
}

const MOVED = /^.{15,}? (UDP|TCP|TLS) : (sent|received) (\d+) bytes$/;
const SHOWN = /^v:1 t:(\w+) c:(\S+) i:([0-9a-f]{4}) \{([0-9a-f]*)\} \[ ?(.*?) ?\](?: :: ([\s\S]*))?$/;
/** What comes before a message that is shown and not sent. */
const UNSENT = /PDU presented by app|response dropped|app version of updated PDU/;
const METHODS = new Set(['GET', 'POST', 'PUT', 'DELETE', 'FETCH', 'PATCH', 'iPATCH']);

const SIGNALS = new Set(['CSM', 'PING', 'PONG', 'RELEASE', 'ABORT', '7.01', '7.02', '7.03', '7.04', '7.05']);

export function isSignal({ code }: Pdu): boolean {
  return SIGNALS.has(code.toUpperCase());
}

/** All values of an option, in order. */
export function valuesOf(pdu: Pdu, option: string): string[] {
  return pdu.options.filter(([name]) => name === option).map(([, value]) => value);
}

/** Whole messages in what libcoap printed; the last, unfinished line is left out. */
export function parsePdus(printed: string): Pdu[] {
  const pdus: Pdu[] = [];
  const isServer = /created (?:UDP|TCP|TLS) {1,2}endpoint/.test(printed);
  // With OpenSSL it shows what it sends over TLS and does not say that it does.
  const sentUnsaid = printed.includes('TLS : SSL_');
  let before = '';
  let moved: Pick<Pdu, 'transport' | 'way' | 'bytes'> | undefined;
  let transport: Pdu['transport'] = sentUnsaid ? 'tls' : 'udp';
  for (const line of printed.split('\n').slice(0, -1)) {
    const moving = MOVED.exec(line);
    const shown = moving === null ? SHOWN.exec(line) : null;
    if (moving !== null) {
      transport = moving[1]!.toLowerCase() as Pdu['transport'];
      moved = { transport, way: moving[2] as Pdu['way'], bytes: Number(moving[3]) };
    } else {
      if (shown !== null && moved === undefined && transport !== 'udp' && !UNSENT.test(before)) {
        const way = wayOfUnsaid(shown, pdus.at(-1), isServer, sentUnsaid);
        if (way !== undefined) moved = { transport, way, bytes: 0 };
      }
      if (shown !== null && moved !== undefined) pdus.push(pduOf(moved, shown));
      moved = undefined;
    }
    before = line;
  }
  return pdus;
}

/**
 * A stream may bring several messages at once: how many bytes came is said before the first of them only. Undefined
 * for a request that is shown once more when all blocks of its body are there.
 */
function wayOfUnsaid(
  [, , code, , token]: RegExpExecArray,
  last: Pdu | undefined,
  isServer: boolean,
  sentUnsaid: boolean,
): Pdu['way'] | undefined {
  if (METHODS.has(code!)) {
    if (isServer && last?.code === code && last?.token === token) return undefined;
    return isServer ? 'received' : 'sent';
  }
  if (/^[245]\./.test(code!)) return isServer ? 'sent' : 'received';
  return sentUnsaid ? 'sent' : 'received';
}

function pduOf(moved: Pick<Pdu, 'transport' | 'way' | 'bytes'>, shown: RegExpExecArray): Pdu {
  const [, type, code, messageId, token, options, payload] = shown;
  const hasMessageLayer = moved.transport === 'udp';
  return {
    ...moved,
    type: hasMessageLayer ? type! : null,
    code: code!,
    messageId: hasMessageLayer ? messageId! : null,
    token: token!,
    options: optionsOf(options!),
    payload: (payload ?? '').replace(/^'([\s\S]*)'$/, '$1').replace(/^binary data length \d+/, ''),
  };
}

/** `Uri-Port:5683, Uri-Path:a, b` is Uri-Port and one Uri-Path: a name has no blank and begins with a capital. */
function optionsOf(text: string): [string, string][] {
  if (text === '') return [];
  return text.split(/, (?=[A-Z][\w-]*:|\d+:)/).map((one) => {
    const colon = one.indexOf(':');
    return [one.slice(0, colon), one.slice(colon + 1)];
  });
}

/** Line by line: libcoap leaves the last message that it shows in its buffer, and a pipe's buffer is large. */
function startLibcoap(name: string, args: readonly string[]): ChildProcess {
  return startPeer('stdbuf', ['-oL', findProgram(name) ?? name, ...args]);
}

export interface ClientRun {
  /** Without CSM, Ping and the like. */
  pdus: Pdu[];
  /** Those. */
  signals: Pdu[];
  /** The body that it gave to its user. */
  shown: string;
  shownBytes: Buffer;
  /** `4.04 ...`, as it says it to its user. */
  complaint: string;
  printed: string;
}

export interface ClientOptions {
  /** Seconds until it gives up, 10 unless given. */
  seconds?: number;
  /** Hears what was printed so far, after every piece. */
  onPrinted?: (printed: string) => void;
  input?: string;
}

/** Runs libcoap's client to its end. */
export async function runCoapClient(
  way: Way,
  args: readonly string[],
  { seconds = 10, onPrinted, input }: ClientOptions = {},
): Promise<ClientRun> {
  const folder = mkdtempSync(join(tmpdir(), 'plugtest-'));
  const file = join(folder, 'shown');
  const child = startLibcoap(`coap-client-${backEndOf(way)}`, [
    ...['-v', '7', '-B', String(seconds), '-o', file],
    ...args,
  ]);
  const killer = setTimeout(() => child.kill('SIGKILL'), seconds * 1_000 + 5_000);
  try {
    let printed = '';
    let complaint = '';
    child.stdout!.on('data', (part: Buffer) => {
      printed += part.toString('latin1');
      onPrinted?.(printed);
    });
    child.stderr!.on('data', (part: Buffer) => (complaint += part.toString('latin1')));
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(input ?? '');
    await new Promise((resolve) => child.once('close', resolve));
    const pdus = parsePdus(`${printed}\n`);
    let shownBytes: Buffer = Buffer.alloc(0);
    try {
      shownBytes = readFileSync(file);
    } catch {
      // Nothing was shown.
    }
    return {
      pdus: pdus.filter((pdu) => !isSignal(pdu)),
      signals: pdus.filter(isSignal),
      shown: shownBytes.toString('utf8'),
      shownBytes,
      complaint: complaint.trim(),
      printed,
    };
  } finally {
    clearTimeout(killer);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** libcoap's server on 127.0.0.1: `port` for UDP and TCP, the next one for TLS. */
export class LibcoapServer {
  readonly port: number;
  readonly #way: Way;
  readonly #child: ChildProcess;
  #printed = '';
  readonly #waiting = new Waiting(() => this.#printed);
  #seen = 0;

  private constructor(way: Way, port: number, child: ChildProcess) {
    this.#way = way;
    this.port = port;
    this.#child = child;
    const take = (part: Buffer): void => {
      this.#printed += part.toString('latin1');
      this.#waiting.wake();
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.once('close', () => this.#waiting.wake());
  }

  /** Listens when it resolves. */
  static async start(way: Way, ...args: string[]): Promise<LibcoapServer> {
    return LibcoapServer.startAt(await freePort(), way, ...args);
  }

  /** At a port where one was before. */
  static async startAt(port: number, way: Way, ...args: string[]): Promise<LibcoapServer> {
    const name = `coap-server-${backEndOf(way)}`;
    const child = startLibcoap(name, ['-A', '127.0.0.1', '-p', String(port), '-v', '7', ...args]);
    const server = new LibcoapServer(way, port, child);
    // The last of its listeners to be opened.
    const last = way === 'udp' || way === 'tcp' ? /created TCP {1,2}endpoint/ : /created TLS {1,2}endpoint/;
    await server.until(() => last.test(server.#printed), 'libcoap listens');
    return server;
  }

  get base(): string {
    const secure = this.#way === 'openssl' || this.#way === 'gnutls';
    return `${SCHEME_OF[this.#way]}://127.0.0.1:${secure ? this.port + 1 : this.port}`;
  }

  get printed(): string {
    return this.#printed;
  }

  /** Everything it saw, signals too. */
  get pdus(): Pdu[] {
    return parsePdus(this.#printed);
  }

  /** What it saw since the last call, without signals, once there are so many. */
  async take(count: number): Promise<Pdu[]> {
    const news = (): Pdu[] => this.pdus.filter((pdu) => !isSignal(pdu)).slice(this.#seen);
    await this.until(() => news().length >= count, `libcoap's server saw ${count} messages`);
    const taken = news();
    this.#seen += taken.length;
    return taken;
  }

  /** Until `condition` holds, asked whenever something was printed; fails after `timeoutMs`, ten seconds unless given. */
  until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    return this.#waiting.until(condition, what, timeoutMs, () => this.#child.exitCode !== null);
  }

  async stop(): Promise<void> {
    await stopChild(this.#child);
  }

  /** Without a word to anybody. */
  async kill(): Promise<void> {
    await stopChild(this.#child, 'SIGKILL');
  }
}
