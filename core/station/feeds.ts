import type { CoapDelta, CoapSnapshot } from '../contract/coap.ts';
import type { StationStatus } from '../contract/station.ts';
import type { Feed } from '../rpc/types.ts';
import type { CoapDesk } from './coap-desk.ts';
import type { StatusBoard } from './status.ts';

export function stationFeed(board: StatusBoard, dirty: () => void): Feed<StationStatus, StationStatus> {
  let changed = false;
  const remove = board.changed.on(() => {
    changed = true;
    dirty();
  });
  return {
    snapshot: () => {
      changed = false;
      return board.status();
    },
    drain: () => {
      if (!changed) return null;
      changed = false;
      return board.status();
    },
    close: remove,
  };
}

export function coapFeed(
  desk: CoapDesk,
  authority: string | undefined,
  dirty: () => void,
): Feed<CoapSnapshot, CoapDelta> {
  const changed = new Set<string>();
  const inScope = (uri: string) =>
    authority === undefined || uri.startsWith(`${authority}/`) || uri === authority;
  const remove = desk.changed.on((uri) => {
    if (!inScope(uri)) return;
    changed.add(uri);
    dirty();
  });
  return {
    snapshot: () => {
      changed.clear();
      return { resources: desk.resources(authority) };
    },
    drain: () => {
      if (changed.size === 0) return null;
      const delta: CoapDelta = { upsert: [], removed: [] };
      for (const uri of changed) {
        const resource = desk.resource(uri);
        if (resource === undefined) delta.removed.push(uri);
        else delta.upsert.push(resource);
      }
      changed.clear();
      return delta;
    },
    close: remove,
  };
}
