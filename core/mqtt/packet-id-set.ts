const WORDS = 2_048;

/** Packet identifiers of QoS 2 messages that came in and are not released: 8 KiB whatever their number. */
export class PacketIdSet {
  readonly #words = new Uint32Array(WORDS);

  has(id: number): boolean {
    return (this.#words[id >>> 5]! & (1 << (id & 31))) !== 0;
  }

  add(id: number): void {
    this.#words[id >>> 5]! |= 1 << (id & 31);
  }

  delete(id: number): void {
    this.#words[id >>> 5]! &= ~(1 << (id & 31));
  }

  forEach(visit: (id: number) => void): void {
    for (let id = 1; id <= 65_535; id++) if (this.has(id)) visit(id);
  }
}
