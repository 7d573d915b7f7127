/** The links by which clients find the proxy (RFC 8075 §5.5). */
import type { ParsedLink } from '../links/link-format.ts';
import { HC_PATH, HC_TEMPLATES } from './target.ts';

/**
 * The first one has no template, which means the default mapping. On the CoAP side `anchor` is the HTTP origin of the
 * proxy, `http://host:port`; on the HTTP side the origin is the one that was asked.
 */
export function hcLinks(anchor?: string): ParsedLink[] {
  const context: [string, string][] = anchor === undefined ? [] : [['anchor', anchor]];
  const link = (template?: string): ParsedLink => ({
    target: HC_PATH,
    attributes: [
      ...context,
      ['rt', 'core.hc'],
      ...(template === undefined ? [] : [['hct', template] as [string, string]]),
    ],
  });
  return [link(), ...HC_TEMPLATES.map(link)];
}
