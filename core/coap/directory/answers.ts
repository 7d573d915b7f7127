/** What the resources of the directory have in common: reading requests, wording answers. */
import { BAD_REQUEST, CONTENT, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, code } from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import { formatLinks } from '../links/link-format.ts';
import type { ParsedLink } from '../links/link-format.ts';
import type { ServedAnswer, ServedRequest } from '../server/resource.ts';
import type { Refusal } from './limits.ts';
import { readParameters } from './parameters.ts';
import type { RegistrationParameters } from './parameters.ts';

const SERVICE_UNAVAILABLE = code(5, 3);
/** When to try again while the directory is full. */
const FULL_RETRY_S = 60;

/** A request to all of a group registers nowhere: nobody would know where it is registered now. */
export function parametersOf(
  request: ServedRequest,
): { parameters: RegistrationParameters } | { answer: ServedAnswer } {
  if (request.multicast) return { answer: { code: METHOD_NOT_ALLOWED } };
  const parameters = readParameters(request.query);
  return typeof parameters === 'string' ? { answer: badRequest(parameters) } : { parameters };
}

export function linkAnswer({ accept }: ServedRequest, links: readonly ParsedLink[]): ServedAnswer {
  if (accept !== null && accept !== LINK_FORMAT) return { code: NOT_ACCEPTABLE };
  return {
    code: CONTENT,
    payload: new TextEncoder().encode(formatLinks(links)),
    contentFormat: LINK_FORMAT,
  };
}

export function badRequest(diagnostic: string): ServedAnswer {
  return { code: BAD_REQUEST, diagnostic };
}

export function refused({ code: refusal, why }: Refusal): ServedAnswer {
  return {
    code: refusal,
    diagnostic: why,
    ...(refusal === SERVICE_UNAVAILABLE ? { maxAgeSeconds: FULL_RETRY_S } : {}),
  };
}
