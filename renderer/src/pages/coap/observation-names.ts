import type { ObservationState } from '../../../../core/contract/coap.ts';
import type { MarkState } from '../../components/StateMark.svelte';

/** States of an observation in words (RFC 7641 behind them). */
export const STATE_NAMES: Record<ObservationState, string> = {
  starting: 'starting',
  active: 'active',
  stale: 'stale',
  retrying: 'retrying',
  ended: 'ended',
};

/** What each state means for the one who looks. */
export const STATE_MEANINGS: Record<ObservationState, string> = {
  starting: 'The request is out; the device has not answered yet.',
  active: 'The device sends each change.',
  stale: 'The last value is older than the device promised; it is asked again.',
  retrying: 'The device does not answer; it is asked again by itself.',
  ended: 'The device ended it. Observe again to go on.',
};

export const MARKS: Record<ObservationState, MarkState> = {
  starting: 'waiting',
  active: 'live',
  stale: 'stale',
  retrying: 'stale',
  ended: 'fault',
};
