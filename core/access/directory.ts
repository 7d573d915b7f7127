/** Users and roles as they are looked up: one account per user, one set of compiled rules per set of roles. */
import type { AccessTest } from '../contract/security.ts';
import type { AccessState, StoredUser } from './access-file.ts';
import { CompiledAcl } from './acl.ts';
import type { Subject } from './acl-filter.ts';
import type { Admitted } from './sign-in-types.ts';

/** Not changed in place: a changed user gets a new `stored`. */
export interface Account {
  stored: StoredUser;
  admission: Admitted;
  acl: CompiledAcl;
}

export class Directory {
  readonly #accounts = new Map<string, Account>();
  readonly #compiled = new Map<string, CompiledAcl>();
  readonly #state: AccessState;
  /** null: anonymous clients may do everything. */
  readonly #anonymous: CompiledAcl | null;

  constructor(state: AccessState) {
    this.#state = state;
    this.#anonymous = state.anonymousRole === null ? null : this.#aclOf([state.anonymousRole]);
    for (const stored of state.users) {
      const limits = stored.publishRate > 0 ? { limits: { publishRate: stored.publishRate } } : {};
      const admission = { username: stored.name, ...limits };
      this.#accounts.set(stored.name, { stored, admission, acl: this.#aclOf(stored.roles) });
    }
  }

  get hasUsers(): boolean {
    return this.#accounts.size > 0;
  }

  account(name: string): Account | undefined {
    return this.#accounts.get(name);
  }

  allows(action: 'publish' | 'subscribe', topic: string, subject: Subject): boolean {
    if (subject.username === null) return this.#anonymous?.allows(action, topic, subject) ?? true;
    const account = this.#accounts.get(subject.username);
    return account?.stored.enabled === true && account.acl.allows(action, topic, subject);
  }

  /** Anonymous clients, where they have no role. */
  allowsAll(username: string | null): boolean {
    return username === null && this.#anonymous === null;
  }

  /** The same with the rule that decides, for people. */
  explain(action: 'publish' | 'subscribe', topic: string, subject: Subject): AccessTest {
    const { username } = subject;
    const acl = username === null ? this.#anonymous : this.#accounts.get(username)?.acl;
    const deciding = acl?.deciding(action, topic, subject) ?? null;
    return {
      allowed: this.allows(action, topic, subject),
      role: deciding?.role ?? null,
      rule: deciding === null ? null : { ...deciding.rule },
    };
  }

  #aclOf(roles: readonly string[]): CompiledAcl {
    const key = roles.join('\n');
    let acl = this.#compiled.get(key);
    if (acl === undefined) {
      const rules = roles.flatMap((name) => {
        const role = this.#state.roles.find((one) => one.name === name);
        return (role?.rules ?? []).map((rule) => ({ role: name, rule }));
      });
      this.#compiled.set(key, (acl = new CompiledAcl(rules)));
    }
    return acl;
  }
}
