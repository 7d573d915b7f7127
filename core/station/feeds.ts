import type { StationStatus } from '../contract/station.ts';
import type { Feed } from '../rpc/types.ts';
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
