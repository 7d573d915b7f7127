/**
 * Password hashes: scrypt (RFC 7914) with N = 2^15, r = 8, p = 1, some 60 ms and 32 MiB each. They are made on the
 * thread pool, so that the event loop goes on, and only a few at once, so that a flood of sign-ins takes neither all
 * threads nor all memory.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { CodedError } from '../base/errors.ts';

const COST = 2 ** 15;
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** 128 * N * r bytes are needed, and Node's default allows less. */
const memoryOf = (cost: number, blockSize: number): number => 256 * cost * blockSize;

/** Base64 texts. The cost is kept with each, so that it can be raised later. */
export interface PasswordHash {
  n: number;
  r: number;
  p: number;
  salt: string;
  hash: string;
}

export interface HasherLimits {
  /** The thread pool has four threads, and files need some. */
  maxRunning: number;
  /** Sign-ins that wait for their turn; 256 take some 8 s. */
  maxWaiting: number;
}

export const DEFAULT_HASHER_LIMITS: HasherLimits = { maxRunning: 2, maxWaiting: 256 };

/** A hash that belongs to no password: to check against it takes the time of a real one. */
export function dummyHash(): PasswordHash {
  return {
    n: COST,
    r: BLOCK_SIZE,
    p: PARALLEL,
    salt: randomBytes(SALT_BYTES).toString('base64'),
    hash: randomBytes(HASH_BYTES).toString('base64'),
  };
}

/** Makes and checks hashes, a few at once, the rest in a bounded line. */
export class PasswordHasher {
  readonly #limits: HasherLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: Partial<HasherLimits> = {}) {
    this.#limits = { ...DEFAULT_HASHER_LIMITS, ...limits };
  }

  /** Sign-ins that wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether one more would be refused. */
  get busy(): boolean {
    return this.#waiting.length >= this.#limits.maxWaiting;
  }

  /** `password` is prepared text. @throws CodedError `access.busy` */
  async hash(password: string): Promise<PasswordHash> {
    const salt = randomBytes(SALT_BYTES);
    const cost = { n: COST, r: BLOCK_SIZE, p: PARALLEL };
    const hash = await this.#turn(() => derive(password, salt, cost, HASH_BYTES));
    return { ...cost, salt: salt.toString('base64'), hash: hash.toString('base64') };
  }

  /**
   * Whether `password` made `wanted`, compared in constant time. `stillWanted` is asked when its turn comes: a no
   * saves the work. @throws CodedError `access.busy`, `access.not_wanted`
   */
  async verify(
    password: string,
    wanted: PasswordHash,
    stillWanted: () => boolean = () => true,
  ): Promise<boolean> {
    const expected = Buffer.from(wanted.hash, 'base64');
    const salt = Buffer.from(wanted.salt, 'base64');
    const found = await this.#turn(() => {
      if (!stillWanted()) throw new CodedError('access.not_wanted', 'The sign-in was given up.');
      return derive(password, salt, wanted, expected.length);
    });
    return timingSafeEqual(found, expected);
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limits.maxRunning) {
      if (this.busy) throw new CodedError('access.busy', 'Too many sign-ins at once. Try again in a moment.');
      // Whoever ends hands its place over: the count stays.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function derive(
  password: string,
  salt: Buffer,
  cost: { n: number; r: number; p: number },
  bytes: number,
): Promise<Buffer> {
  const options = { N: cost.n, r: cost.r, p: cost.p, maxmem: memoryOf(cost.n, cost.r) };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
