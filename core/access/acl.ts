/**
 * The rules of one set of roles, ready to be asked. The first rule that fits decides, in the order of the roles and
 * then of their rules; where none fits, the answer is no.
 *
 * - PUBLISH: a rule fits when its filter matches the topic.
 * - SUBSCRIBE: an `allow` fits when it covers the requested filter, that is, every topic that the filter can match.
 *   A `deny` fits as soon as it shares one topic with the filter. So `deny a/secret` before `allow a/#` refuses a
 *   subscription to `a/#`: the broker looks at subscriptions, not at each delivery.
 */
import type { AclRule } from '../contract/security.ts';
import { covers, hasPlaceholder, overlaps, substituted } from './acl-filter.ts';
import type { Subject } from './acl-filter.ts';

const NONE = Number.POSITIVE_INFINITY;

/** One level of the tree of publish rules. Numbers are positions in the rule list; the least one wins. */
interface Node {
  named: Map<string, Node> | null;
  plus: Node | null;
  /** Levels with placeholders. */
  patterns: { level: string; node: Node }[];
  /** Rule that ends here. */
  rule: number;
  /** Rule that goes on with `#`. */
  hash: number;
  /** Least of the whole subtree: not entered when something better is found. */
  least: number;
}

interface SubscribeRule {
  index: number;
  allow: boolean;
  levels: string[];
  patterned: boolean;
  /** Its first level where that is plain text: most rules are passed over by this alone. */
  head: string | null;
}

export interface OwnedRule {
  role: string;
  rule: AclRule;
}

export class CompiledAcl {
  readonly #rules: OwnedRule[];
  readonly #root = createNode();
  readonly #subscribe: SubscribeRule[] = [];
  // Of the question under way: fields and no closure, because this is asked per message.
  #levels: string[] = [];
  #subject: Subject = { clientId: '', username: null };
  #best = NONE;

  constructor(rules: OwnedRule[]) {
    this.#rules = rules;
    rules.forEach(({ rule }, index) => {
      const levels = rule.filter.split('/');
      if (rule.action !== 'subscribe') this.#addPublish(levels, index);
      if (rule.action !== 'publish') {
        const patterned = levels.some(hasPlaceholder);
        const first = levels[0]!;
        const head = isWildcard(first) || hasPlaceholder(first) ? null : first;
        this.#subscribe.push({ index, allow: rule.effect === 'allow', levels, patterned, head });
      }
    });
  }

  /** `topic` is a valid topic name, or with `subscribe` a valid filter. */
  allows(action: 'publish' | 'subscribe', topic: string, subject: Subject): boolean {
    return this.deciding(action, topic, subject)?.rule.effect === 'allow';
  }

  /** The rule that decides, or null when none fits. */
  deciding(action: 'publish' | 'subscribe', topic: string, subject: Subject): OwnedRule | null {
    const index =
      action === 'publish' ? this.#forPublish(topic, subject) : this.#forSubscribe(topic, subject);
    return index === NONE ? null : this.#rules[index]!;
  }

  #addPublish(levels: string[], index: number): void {
    let node = this.#root;
    node.least = Math.min(node.least, index);
    for (const level of levels) {
      if (level === '#') {
        node.hash = Math.min(node.hash, index);
        return;
      }
      node = childFor(node, level);
      node.least = Math.min(node.least, index);
    }
    node.rule = Math.min(node.rule, index);
  }

  #forPublish(topic: string, subject: Subject): number {
    this.#levels = topic.split('/');
    this.#subject = subject;
    this.#best = NONE;
    this.#walk(this.#root, 0, topic.charCodeAt(0) !== 0x24);
    return this.#best;
  }

  /** `wild`: wildcards count here; they do not on the first level of reserved topics. */
  #walk(node: Node, depth: number, wild: boolean): void {
    if (wild && node.hash < this.#best) this.#best = node.hash;
    if (depth === this.#levels.length) {
      if (node.rule < this.#best) this.#best = node.rule;
      return;
    }
    const level = this.#levels[depth]!;
    const named = node.named?.get(level);
    if (named !== undefined && named.least < this.#best) this.#walk(named, depth + 1, true);
    const { plus } = node;
    if (wild && plus !== null && plus.least < this.#best) this.#walk(plus, depth + 1, true);
    for (const { level: pattern, node: child } of node.patterns) {
      if (child.least < this.#best && this.#fits(pattern, level, depth)) this.#walk(child, depth + 1, true);
    }
  }

  #fits(pattern: string, level: string, depth: number): boolean {
    const { clientId, username } = this.#subject;
    // The usual case, a whole level, without text being made. A name of a topic has no wildcard and no slash in it.
    if (pattern === '%c' || pattern === '%u') {
      if (level !== (pattern === '%c' ? clientId : username) || level === '') return false;
      return depth > 0 || level.charCodeAt(0) !== 0x24;
    }
    return substituted(pattern, this.#subject, depth === 0) === level;
  }

  #forSubscribe(filter: string, subject: Subject): number {
    const wanted = filter.split('/');
    const first = wanted[0]!;
    const anyHead = isWildcard(first);
    for (const { index, allow, levels, patterned, head } of this.#subscribe) {
      if (head !== null && head !== first && !anyHead) continue;
      const own = patterned ? filledIn(levels, subject) : levels;
      if (own !== null && (allow ? covers(own, wanted) : overlaps(own, wanted))) return index;
    }
    return NONE;
  }
}

function isWildcard(level: string): boolean {
  return level === '+' || level === '#';
}

function filledIn(levels: string[], subject: Subject): string[] | null {
  const filled: string[] = [];
  for (const level of levels) {
    const text = hasPlaceholder(level) ? substituted(level, subject, filled.length === 0) : level;
    if (text === null) return null;
    filled.push(text);
  }
  return filled;
}

function createNode(): Node {
  return { named: null, plus: null, patterns: [], rule: NONE, hash: NONE, least: NONE };
}

function childFor(node: Node, level: string): Node {
  if (level === '+') return (node.plus ??= createNode());
  if (hasPlaceholder(level)) {
    const known = node.patterns.find((pattern) => pattern.level === level);
    if (known !== undefined) return known.node;
    const made = createNode();
    node.patterns.push({ level, node: made });
    return made;
  }
  const named = (node.named ??= new Map<string, Node>());
  let child = named.get(level);
  if (child === undefined) named.set(level, (child = createNode()));
  return child;
}
