/** How a device is written: what tells it apart, and what stands before it. Pure. */
export interface DeviceLabel {
  /** `plant/hall-1/` or `coap://`, empty where there is none. Only for devices that nobody named. */
  before: string;
  main: string;
  /** The key of a device that has a name of its own; empty otherwise. */
  after: string;
}

export function deviceLabel(row: { name: string; key: string }): DeviceLabel {
  if (row.name !== row.key) return { before: '', main: row.name, after: row.key };
  const cut = row.key.includes('://') ? row.key.indexOf('://') + 3 : row.key.lastIndexOf('/') + 1;
  // A key that ends in a slash has nothing left to stand out.
  if (cut >= row.key.length) return { before: '', main: row.key, after: '' };
  return { before: row.key.slice(0, cut), main: row.key.slice(cut), after: '' };
}
