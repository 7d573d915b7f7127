import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** A client of its own, written from RFC 5802 §3 and §5, that shares nothing with the server. */
export class ScramClient {
  readonly nonce: string;
  readonly #header: string;
  readonly #bare: string;
  readonly #password: string;
  #expected = '';

  constructor(name: string, password: string, header = 'n,,', nonce = randomBytes(18).toString('base64')) {
    this.nonce = nonce;
    this.#password = password;
    this.#header = header;
    this.#bare = `n=${name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  }

  first(): Buffer {
    return Buffer.from(this.#header + this.#bare);
  }

  final(serverFirst: Buffer): Buffer {
    const text = serverFirst.toString();
    const [nonce, salt, iterations] = text.split(',').map((part) => part.slice(2));
    if (!nonce!.startsWith(this.nonce)) throw new Error('not my nonce');
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt!, 'base64'), Number(iterations), 32, 'sha256');
    const mac = (key: Buffer, data: string) => createHmac('sha256', key).update(data).digest();
    const clientKey = mac(salted, 'Client Key');
    const withoutProof = `c=${Buffer.from(this.#header).toString('base64')},r=${nonce}`;
    const message = `${this.#bare},${text},${withoutProof}`;
    const signature = mac(createHash('sha256').update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
    this.#expected = `v=${mac(mac(salted, 'Server Key'), message).toString('base64')}`;
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  accepts(serverFinal: Buffer | null): boolean {
    return serverFinal?.toString() === this.#expected;
  }
}
