import { RETAIN_FLAG, type Session } from './session.ts';
import type { PublishFrame } from './publish-frame.ts';
import { type Grant, grantOf, type Subscription } from './subscription.ts';

/** Below 0: sessions have the others. */
let serials = 0;

interface Member {
  readonly session: Session;
  grant: Grant;
}

/**
 * The sessions behind one share name and filter. Every message goes to one of them, in turn: to one that is connected
 * and has nothing waiting; else to one that is connected; and above QoS 0, when none is, to one whose client is away.
 */
export class SharedGroup {
  readonly serial = --serials;
  /** As subscribed. */
  readonly filter: string;
  /** Without `$share/NAME/`. */
  readonly topicFilter: string;
  readonly members: Member[] = [];
  #next = 0;

  constructor(filter: string, topicFilter: string) {
    this.filter = filter;
    this.topicFilter = topicFilter;
  }

  /** True when the session is a new member. */
  set(session: Session, subscription: Subscription): boolean {
    const grant = grantOf(subscription);
    const known = this.members.find((member) => member.session === session);
    if (known === undefined) this.members.push({ session, grant });
    else known.grant = grant;
    return known === undefined;
  }

  /** False when it was none. */
  delete(session: Session): boolean {
    const index = this.members.findIndex((member) => member.session === session);
    if (index < 0) return false;
    this.members.splice(index, 1);
    // Those behind it have moved up: nobody loses a turn.
    if (index < this.#next) this.#next--;
    return true;
  }

  /** False when nobody can have the message. */
  deliver(frame: PublishFrame, retain: boolean): boolean {
    const index = this.#choose(frame);
    if (index < 0) return false;
    this.#next = index + 1;
    const { session, grant } = this.members[index]!;
    const flags = retain && grant.retainAsPublished ? RETAIN_FLAG : 0;
    session.deliver(frame, grant.qos < frame.qos ? grant.qos : frame.qos, flags, grant.ids);
    return true;
  }

  #choose(frame: PublishFrame): number {
    const { members } = this;
    let busy = -1;
    let absent = -1;
    for (let turn = 0; turn < members.length; turn++) {
      const index = (this.#next + turn) % members.length;
      const { session, grant } = members[index]!;
      const { connection } = session;
      if (connection === null) {
        if (absent < 0 && frame.qos > 0 && grant.qos > 0) absent = index;
      } else if (!session.hasWaiting && connection.makeRoom()) return index;
      else if (busy < 0) busy = index;
    }
    return busy >= 0 ? busy : absent;
  }
}
