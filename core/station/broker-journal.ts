import type { BrokerJournal, BrokerState } from '../mqtt/journal.ts';
import type { BrokerState as RecordedState } from '../store/mqtt-types.ts';
import type { Record } from '../store/record.ts';

/** Fails to compile when the broker and the record no longer mean the same rows. */
const SAME_ROWS: [BrokerState] extends [RecordedState]
  ? [RecordedState] extends [BrokerState]
    ? true
    : never
  : never = true;

/** The record as the broker's journal: its rows are committed together with the readings of the same messages. */
export function brokerJournal(record: Record): BrokerJournal {
  return record.broker;
}

/** What the broker left when the record was opened, for `Broker.restore`. */
export function keptBrokerState(record: Record): BrokerState {
  return SAME_ROWS && record.catalog.broker;
}
