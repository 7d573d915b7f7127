/**
 * Small trends of numeric topics out of what this screen has seen since it opened: the host sends the tree four times a
 * second at most, so a point is the newest of a quarter second, not every message.
 */
import type { TopicMessage, TopicNode } from '../../../../core/contract/topics.ts';

export const SPARK_POINTS = 40;
/** Topics that are followed at once; the one that was drawn longest ago gives way. */
const MOST_TOPICS = 2_000;
const PLAIN = /^\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*$/;
const FIELD = /"([^"\\]{1,60})"\s*:\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*[,}]/g;
/** A field of such a name is a time or a counter of the sender, not what is measured. */
const NO_VALUE = /^(?:t|bt|ts|time|timestamp|seq|sequence|id|uptime|epoch|serial|version)$/i;

export interface SparkValue {
  value: number;
  /** Name of the field it was taken from; empty where the whole payload is the number. */
  field: string;
}

/** The number that a payload is, or the first one of a JSON object that looks measured; null without any. */
export function sparkValue(message: TopicMessage | null): SparkValue | null {
  const text = message?.text ?? null;
  if (text === null || text.length > 512) return null;
  if (PLAIN.test(text)) return { value: Number(text), field: '' };
  if (!/^\s*[[{]/.test(text)) return null;
  for (const [, field, number] of text.matchAll(FIELD)) {
    if (!NO_VALUE.test(field!)) return { value: Number(number), field: field! };
  }
  return null;
}

/** Never changed, only replaced: whoever draws compares by identity. */
interface Spark {
  readonly field: string;
  readonly values: readonly number[];
  readonly lastMs: number;
}

export class TopicSparks {
  readonly #byTopic = new Map<string, Spark | null>();

  /** A row of this topic is drawn: from now on its values are kept. Gives what is known. */
  of(node: TopicNode): Spark | null {
    const known = this.#byTopic.get(node.topic);
    if (known === undefined) {
      this.#forgetOldest();
      const first = sparkValue(node.last);
      const spark =
        first === null ? null : { field: first.field, values: [first.value], lastMs: node.last!.receivedMs };
      this.#byTopic.set(node.topic, spark);
      return spark;
    }
    return known;
  }

  /** Takes the newest messages of topics that are followed. */
  take(nodes: readonly TopicNode[]): void {
    for (const node of nodes) {
      const spark = this.#byTopic.get(node.topic);
      if (spark === undefined || node.last === null || spark?.lastMs === node.last.receivedMs) continue;
      const next = sparkValue(node.last);
      if (next === null) continue;
      const old = spark?.field === next.field ? spark.values.slice(1 - SPARK_POINTS) : [];
      const { receivedMs } = node.last;
      this.#byTopic.set(node.topic, { field: next.field, values: [...old, next.value], lastMs: receivedMs });
    }
  }

  #forgetOldest(): void {
    if (this.#byTopic.size < MOST_TOPICS) return;
    this.#byTopic.delete(this.#byTopic.keys().next().value!);
  }
}
