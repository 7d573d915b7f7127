import type { BatchLine } from './batch-line.ts';
import type { MessageRow, OutgoingRow, RetainedRow, SessionRow, SubscriptionRow } from './mqtt-types.ts';

interface Parts {
  line: BatchLine;
  accepting(): boolean;
  /** Something was added. `urgent`: someone waits for it. */
  wake(urgent: boolean): void;
}

/**
 * What the MQTT broker keeps, into the batch being filled, with the readings of the same messages: the journal of
 * core/mqtt/journal.ts. Rows are kept as given until they are committed and must not change. They are taken even past
 * the limit of the backlog (look at `accepting` before a message is taken in): a session that ends must end on disk.
 */
export class MqttRecord {
  readonly #line: BatchLine;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#line = parts.line;
    this.#parts = parts;
  }

  get accepting(): boolean {
    return this.#parts.accepting();
  }

  putSession(row: SessionRow): void {
    this.#line.filling().mqtt.putSession(row);
    this.#parts.wake(false);
  }

  removeSession(id: number): void {
    this.#line.filling().mqtt.removeSession(id);
    this.#parts.wake(false);
  }

  putSubscription(row: SubscriptionRow): void {
    this.#line.filling().mqtt.putSubscription(row);
    this.#parts.wake(false);
  }

  removeSubscription(session: number, filter: string): void {
    this.#line.filling().mqtt.removeSubscription(session, filter);
    this.#parts.wake(false);
  }

  addMessage(row: MessageRow): void {
    this.#line.filling().mqtt.addMessage(row);
    this.#parts.wake(false);
  }

  removeMessage(id: number): void {
    this.#line.filling().mqtt.removeMessage(id);
    this.#parts.wake(false);
  }

  putOutgoing(row: OutgoingRow): void {
    this.#line.filling().mqtt.putOutgoing(row);
    this.#parts.wake(false);
  }

  removeOutgoing(order: number): void {
    this.#line.filling().mqtt.removeOutgoing(order);
    this.#parts.wake(false);
  }

  addIncoming(session: number, packetId: number): void {
    this.#line.filling().mqtt.addIncoming(session, packetId);
    this.#parts.wake(false);
  }

  removeIncoming(session: number, packetId: number): void {
    this.#line.filling().mqtt.removeIncoming(session, packetId);
    this.#parts.wake(false);
  }

  putRetained(row: RetainedRow): void {
    this.#line.filling().mqtt.putRetained(row);
    this.#parts.wake(false);
  }

  removeRetained(topic: string): void {
    this.#line.filling().mqtt.removeRetained(topic);
    this.#parts.wake(false);
  }

  /** As `Record.mark`. `urgent`: commit at the end of this turn of the event loop. */
  mark(urgent: boolean): number {
    if (urgent) this.#parts.wake(true);
    return this.#line.mark();
  }
}
