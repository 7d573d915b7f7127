/** How many lie in the array; more are moved on to the map, the oldest first. */
const RECENT = 8;

/**
 * A map for what comes and goes quickly, beside what stays. A `Map` whose entries change all the time makes a new table
 * every few of them, and an old table keeps the new ones from being collected with the young: a request then costs half
 * as much again.
 */
export class RecentMap<K extends string | number, V> {
  readonly #keys: K[] = [];
  readonly #values: V[] = [];
  #older: Map<K, V> | undefined;

  get size(): number {
    return this.#keys.length + (this.#older?.size ?? 0);
  }

  get(key: K): V | undefined {
    const at = this.#keys.indexOf(key);
    return at >= 0 ? this.#values[at] : this.#older?.get(key);
  }

  has(key: K): boolean {
    return this.#keys.includes(key) || this.#older?.has(key) === true;
  }

  set(key: K, value: V): void {
    const at = this.#keys.indexOf(key);
    if (at >= 0) {
      this.#values[at] = value;
      return;
    }
    if (this.#older?.has(key) === true) {
      this.#older.set(key, value);
      return;
    }
    if (this.#keys.length === RECENT)
      (this.#older ??= new Map()).set(this.#keys.shift()!, this.#values.shift()!);
    this.#keys.push(key);
    this.#values.push(value);
  }

  delete(key: K): void {
    const at = this.#keys.indexOf(key);
    if (at < 0) {
      if (this.#older?.delete(key) === true && this.#older.size === 0) this.#older = undefined;
      return;
    }
    if (at === this.#keys.length - 1) {
      // nearly always, and without an array for what is taken out
      this.#keys.pop();
      this.#values.pop();
      return;
    }
    this.#keys.splice(at, 1);
    this.#values.splice(at, 1);
  }
}
