/**
 * The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677) as a state machine on messages: the password never crosses
 * the line, and what is kept here does not let anyone sign in elsewhere. Without channel binding: `n` and `y` are
 * taken, `p` is not.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { CodedError } from '../base/errors.ts';

export const SCRAM_METHOD = 'SCRAM-SHA-256';
/** RFC 7677 §4 asks for 4,096 at least, and for 15,000 where the machine can. */
export const SCRAM_ITERATIONS = 15_000;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const MAX_MESSAGE_BYTES = 4_096;

/** What is kept of a password. Base64 texts. */
export interface ScramKeys {
  iterations: number;
  salt: string;
  storedKey: string;
  serverKey: string;
}

/** `password` is prepared text (saslprep.ts). */
export async function makeScramKeys(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
  iterations: number = SCRAM_ITERATIONS,
): Promise<ScramKeys> {
  const salted = await new Promise<Buffer>((resolve, reject) => {
    pbkdf2(password, salt, iterations, KEY_BYTES, 'sha256', (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
  return {
    iterations,
    salt: salt.toString('base64'),
    storedKey: sha256(hmac(salted, 'Client Key')).toString('base64'),
    serverKey: hmac(salted, 'Server Key').toString('base64'),
  };
}

/**
 * Keys that belong to no password, for a name that is not known or has none. `secret` is kept over restarts, so that
 * a name has one salt for ever, as real ones have.
 */
export function fakeScramKeys(name: string, secret: Buffer): ScramKeys {
  return {
    iterations: SCRAM_ITERATIONS,
    salt: hmac(secret, name).subarray(0, SALT_BYTES).toString('base64'),
    storedKey: randomBytes(KEY_BYTES).toString('base64'),
    serverKey: randomBytes(KEY_BYTES).toString('base64'),
  };
}

/** One exchange. `first`, then `final`; both throw CodedError `access.bad_scram` for what is no SCRAM. */
export class ScramServer {
  readonly #keysOf: (name: string) => ScramKeys;
  readonly #nonce: string;
  #state: { keys: ScramKeys; gs2Header: string; nonce: string; exchanged: string } | null = null;

  /** `keysOf` gets the user name as it came, not yet prepared, and answers for every name. */
  constructor(keysOf: (name: string) => ScramKeys, nonce: string = randomBytes(24).toString('base64')) {
    this.#keysOf = keysOf;
    this.#nonce = nonce;
  }

  /** client-first-message in, server-first-message out (RFC 5802 §7). */
  first(message: Uint8Array): Buffer {
    const text = textOf(message);
    const parts = /^(?:n|y|p=[^,]*),(?:a=([^,]*))?,(.*)$/s.exec(text);
    if (parts === null || this.#state !== null) throw bad('The first message is not one of SCRAM.');
    if (text.startsWith('p')) throw bad('Channel binding is not spoken here.');
    const bare = parts[2]!;
    const named = /^n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*$/.exec(bare);
    // A mandatory extension (m=) is in the way of n= and lands here too, as RFC 5802 §5.1 asks.
    if (named === null) throw bad('The first message has no name and nonce.');
    const name = saslName(named[1]!);
    if (parts[1] !== undefined && saslName(parts[1]) !== name) throw bad('Acting for another user.');
    const keys = this.#keysOf(name);
    const nonce = named[2]! + this.#nonce;
    const answer = `r=${nonce},s=${keys.salt},i=${keys.iterations}`;
    const gs2Header = text.slice(0, text.length - bare.length);
    this.#state = { keys, gs2Header, nonce, exchanged: `${bare},${answer}` };
    return Buffer.from(answer);
  }

  /** client-final-message in, server-final-message out; null when the proof is wrong. */
  final(message: Uint8Array): Buffer | null {
    const state = this.#state;
    const parts = /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+=*)$/.exec(
      textOf(message),
    );
    if (state === null || parts === null) throw bad('The final message is not one of SCRAM.');
    if (Buffer.from(parts[2]!, 'base64').toString() !== state.gs2Header) throw bad('Other channel binding.');
    if (parts[3] !== state.nonce) throw bad('Another nonce.');
    const proof = Buffer.from(parts[4]!, 'base64');
    if (proof.length !== KEY_BYTES) throw bad('A proof of another length.');
    const exchanged = `${state.exchanged},${parts[1]!}`;
    const storedKey = Buffer.from(state.keys.storedKey, 'base64');
    const signature = hmac(storedKey, exchanged);
    for (let at = 0; at < KEY_BYTES; at++) proof[at]! ^= signature[at]!;
    if (!timingSafeEqual(sha256(proof), storedKey)) return null;
    const serverKey = Buffer.from(state.keys.serverKey, 'base64');
    return Buffer.from(`v=${hmac(serverKey, exchanged).toString('base64')}`);
  }
}

function textOf(message: Uint8Array): string {
  if (message.length > MAX_MESSAGE_BYTES) throw bad('A message that is too long.');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
  } catch {
    throw bad('A message that is no UTF-8.');
  }
}

/** `=2C` is a comma and `=3D` an equals sign; any other `=` is an error (RFC 5802 §5.1). */
function saslName(text: string): string {
  if (text.includes('\0') || /=(?!2C|3D)/.test(text)) throw bad('A name that is badly escaped.');
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function bad(message: string): CodedError {
  return new CodedError('access.bad_scram', message);
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function sha256(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}
