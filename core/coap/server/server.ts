/**
 * What this endpoint answers to others: it has no resources, and says so properly. `/.well-known/core` is an empty
 * list (RFC 6690 §4: a server that offers discovery lists there what it has).
 */
import type { CoapMessage } from '../codec/codec.ts';
import {
  BAD_OPTION,
  CON,
  CONTENT,
  METHOD_CODES,
  METHOD_NOT_ALLOWED,
  NON,
  NOT_ACCEPTABLE,
  NOT_FOUND,
  PROXYING_NOT_SUPPORTED,
} from '../codec/codes.ts';
import { LINK_FORMAT } from '../codec/content-formats.ts';
import {
  ACCEPT,
  CONTENT_FORMAT,
  PROXY_SCHEME,
  PROXY_URI,
  URI_PATH,
  findOption,
  findUint,
  optionName,
  uintOption,
  unusableOption,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { RequestSink, ServerAnswer } from './types.ts';

/** Undefined means RST: a NON with a critical option that is not understood is rejected (RFC 7252 §5.4.1). */
export function serveNothing(request: CoapMessage): ServerAnswer | undefined {
  const unusable = unusableOption(request.options);
  if (unusable !== undefined) {
    if (request.type === NON) return undefined;
    return answer(BAD_OPTION, [], `${optionName(unusable.number)} cannot be used here`);
  }
  const proxied = [PROXY_URI, PROXY_SCHEME].some(
    (number) => findOption(request.options, number) !== undefined,
  );
  if (proxied) return answer(PROXYING_NOT_SUPPORTED);

  if (pathOf(request.options) !== '.well-known/core') return answer(NOT_FOUND);
  if (request.code !== METHOD_CODES.GET) return answer(METHOD_NOT_ALLOWED);
  const accept = findUint(request.options, ACCEPT);
  if (accept !== undefined && accept !== LINK_FORMAT) return answer(NOT_ACCEPTABLE);
  return answer(CONTENT, [uintOption(CONTENT_FORMAT, LINK_FORMAT)]);
}

function pathOf(options: readonly CoapOption[]): string {
  const utf8 = new TextDecoder();
  return options
    .filter((option) => option.number === URI_PATH)
    .map((option) => utf8.decode(option.value))
    .join('/');
}

/** `diagnostic` is for people (§5.5.2). */
function answer(code: number, options: CoapOption[] = [], diagnostic = ''): ServerAnswer {
  return { code, options, payload: new TextEncoder().encode(diagnostic) };
}

/** A sink that answers each request at once. */
export function answerWith(serve: (request: CoapMessage) => ServerAnswer | undefined): RequestSink {
  return (request) => {
    const { code, token, payload, confirmable } = request;
    const type = confirmable ? CON : NON;
    request.answer(serve({ type, code, token, payload, messageId: 0, options: [...request.options] }));
  };
}
