import type { BrokerJournal } from './journal.ts';
import type { PublishFrame } from './publish-frame.ts';

/**
 * One row in the journal for each message that waits for at least one lasting session, however many they are:
 * counted on the kept frame itself, written with the first reference, removed with the last.
 */
export class MessageLedger {
  readonly #journal: BrokerJournal;
  #lastId = 0;
  #lastOrder = 0;

  constructor(journal: BrokerJournal) {
    this.#journal = journal;
  }

  /** The next `OutgoingRow.order`. */
  nextOrder(): number {
    return ++this.#lastOrder;
  }

  /** One more session waits for `frame`, which owns its bytes. Returns its message id. */
  hold(frame: PublishFrame): number {
    if (frame.references++ === 0) {
      frame.messageId = ++this.#lastId;
      this.#journal.addMessage({
        id: frame.messageId,
        topic: frame.topic,
        payload: frame.payload,
        properties: frame.properties,
        qos: frame.qos,
        expiresMs: frame.expiresMs,
      });
    }
    return frame.messageId;
  }

  letGo(frame: PublishFrame): void {
    if (--frame.references > 0) return;
    this.#journal.removeMessage(frame.messageId);
    frame.messageId = 0;
  }

  /** Goes on behind what an earlier run of the station gave. */
  continueAfter(id: number, order: number): void {
    this.#lastId = Math.max(this.#lastId, id);
    this.#lastOrder = Math.max(this.#lastOrder, order);
  }
}
