/** Asking all CoAP servers of a network at once (RFC 7252 §7.1, §8). */
import type { PeerAddress } from '../address.ts';
import { decodeBlock } from '../codec/block.ts';
import { CONTENT } from '../codec/codes.ts';
import { BLOCK2, URI_PATH, findOption, textOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { parseLinkFormat, resolveLinks } from '../links/link-format.ts';
import type { Link } from '../links/link-format.ts';
import { parseCoapUri } from '../uri.ts';
import type { NetworkInterface } from './interfaces.ts';

/** All CoAP Nodes: IPv4, IPv6 of this link, IPv6 of this site (RFC 7252 §12.8). */
const IPV4_GROUP = '224.0.1.187';
const IPV6_GROUPS = ['ff02::fd', 'ff05::fd'];

/** DEFAULT_LEISURE is 5 s (§8.2); the rest is for the way. */
export const MULTICAST_LISTEN_MS = 6_000;

export interface MulticastTarget {
  group: string;
  port: number;
  interfaceName: string;
  interfaceAddress: string;
}

export interface GroupQuestion extends MulticastTarget {
  options: CoapOption[];
  listenMs: number;
}

/** Resolves when `listenMs` have passed or `signal` is aborted. Fails with `coap.unreachable` or `coap.busy`. */
export type AskGroup = (
  question: GroupQuestion,
  onAnswer: (answer: {
    message: { code: number; options: readonly CoapOption[]; payload: Uint8Array };
    from: PeerAddress;
  }) => void,
  signal: AbortSignal,
) => Promise<void>;

export interface MulticastAnswer {
  /** `coap://10.0.0.7:5683`. */
  authority: string;
  /** Undefined where the answer is not the whole list, or none: the server is to be asked itself. */
  links: Link[] | undefined;
}

export function multicastTargets(interfaces: readonly NetworkInterface[], port: number): MulticastTarget[] {
  const targets: MulticastTarget[] = [];
  for (const { name, addresses } of interfaces) {
    const four = addresses.find((one) => one.family === 4);
    const sixes = addresses.filter((one) => one.family === 6);
    // Answers to ff02::fd come from link-local addresses: that is where to ask from, too.
    const six = sixes.find((one) => one.address.includes('%')) ?? sixes[0];
    const target = (group: string, interfaceAddress: string): MulticastTarget => {
      return { group, port, interfaceName: name, interfaceAddress };
    };
    if (four !== undefined) targets.push(target(IPV4_GROUP, four.address));
    if (six !== undefined) targets.push(...IPV6_GROUPS.map((group) => target(group, six.address)));
  }
  return targets;
}

/** Tells every answer that shows a CoAP server, an error included. Ends and fails like `askGroup`. */
export function askMulticast(
  target: MulticastTarget,
  askGroup: AskGroup,
  onAnswer: (answer: MulticastAnswer) => void,
  signal: AbortSignal,
): Promise<void> {
  const options = ['.well-known', 'core'].map((segment) => textOption(URI_PATH, segment));
  return askGroup(
    { ...target, options, listenMs: MULTICAST_LISTEN_MS },
    ({ message, from }) => {
      const authority = authorityOf(from);
      onAnswer({ authority, links: message.code === CONTENT ? wholeLinks(message, authority) : undefined });
    },
    signal,
  );
}

export function authorityOf({ address, port, family }: PeerAddress): string {
  return `coap://${family === 6 ? `[${address.replace('%', '%25')}]` : address}:${port}`;
}

function wholeLinks(
  { options, payload }: { options: readonly CoapOption[]; payload: Uint8Array },
  authority: string,
): Link[] | undefined {
  const value = findOption(options, BLOCK2);
  const block = value === undefined ? undefined : decodeBlock(value);
  if (value !== undefined && (block === undefined || block.more || block.number > 0)) return undefined;
  try {
    return resolveLinks(parseLinkFormat(new TextDecoder().decode(payload)), parseCoapUri(authority));
  } catch {
    return undefined;
  }
}
