/**
 * JSON for people and scripts: number columns become arrays (a NaN, which JSON has no word for, becomes null) and
 * bytes become base64.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (item instanceof Uint8Array) return Buffer.from(item).toString('base64');
    if (ArrayBuffer.isView(item) && !(item instanceof DataView)) return Array.from(item as Float64Array);
    return item;
  });
}
