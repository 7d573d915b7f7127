/** DNS messages as far as asking for services needs them (RFC 1035 §4, RFC 6762 §18, RFC 6763). */
import { decode } from 'dns-packet';

export type QuestionType = 'PTR' | 'SRV' | 'A' | 'AAAA';

/** A name as its labels: the label of an instance may hold dots (RFC 6763 §4.1.1). */
export interface Question {
  labels: readonly string[];
  type: QuestionType;
}

const TYPE_NUMBERS: Readonly<Record<QuestionType, number>> = { A: 1, PTR: 12, AAAA: 28, SRV: 33 };
const CLASS_IN = 1;
/** In one packet: at most some 1,000 bytes, which go through every network. */
export const MAX_QUESTIONS = 12;
const MAX_LABEL_BYTES = 63;

/** Questions whose name DNS cannot say are left out; undefined when none is left. */
export function encodeQuery(id: number, questions: readonly Question[]): Uint8Array | undefined {
  const encoded = questions.map(encodeQuestion).filter((one) => one !== undefined);
  if (encoded.length === 0) return undefined;
  const header = Uint8Array.of(id >> 8, id, 0, 0, 0, encoded.length, 0, 0, 0, 0, 0, 0);
  return Buffer.concat([header, ...encoded]);
}

function encodeQuestion({ labels, type }: Question): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  for (const label of labels) {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > MAX_LABEL_BYTES) return undefined;
    parts.push(Uint8Array.of(bytes.length), bytes);
  }
  return Buffer.concat([...parts, Uint8Array.of(0, 0, TYPE_NUMBERS[type], 0, CLASS_IN)]);
}

export type ServiceRecord =
  | { type: 'PTR'; name: string; target: string }
  | { type: 'SRV'; name: string; target: string; port: number }
  | { type: 'A' | 'AAAA'; name: string; address: string };

/**
 * Records of a response to the query `id`, in all its sections, without those that say goodbye (RFC 6762 §10.1).
 * `ignored` is a query or an answer to somebody else. Undefined for what is no DNS message.
 */
export function decodeResponse(bytes: Uint8Array, id: number): ServiceRecord[] | 'ignored' | undefined {
  let packet: ReturnType<typeof decode>;
  try {
    packet = decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch {
    return undefined;
  }
  // §6.7: our id; §18.1: 0 from those who do not know of legacy queries.
  if (packet.type !== 'response' || (packet.id !== id && packet.id !== 0)) return 'ignored';
  const records: ServiceRecord[] = [];
  for (const answer of [...(packet.answers ?? []), ...(packet.additionals ?? [])]) {
    if (!('ttl' in answer) || answer.ttl === 0) continue;
    const { name } = answer;
    if (answer.type === 'PTR') records.push({ type: 'PTR', name, target: answer.data });
    else if (answer.type === 'A' || answer.type === 'AAAA') {
      records.push({ type: answer.type, name, address: answer.data });
    } else if (answer.type === 'SRV') {
      records.push({ type: 'SRV', name, target: answer.data.target, port: answer.data.port });
    }
  }
  return records;
}
