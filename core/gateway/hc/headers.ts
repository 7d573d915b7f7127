/**
 * What every answer under `/hc/` carries besides what all answers do.
 *
 * The bytes come from a device and lie under the console's origin: shown as a page they could run as the console and
 * use its sign-in. So they are never a page. `sandbox` without any permission gives whatever is shown an origin of its
 * own and no scripts; `nosniff` keeps text from being taken for HTML, and what the type does not say from being
 * guessed; all types but plain ones come as a download. That the console's own policy lets scripts come from its origin
 * is met where the cookie is looked at: no script, style or frame is answered with it (`who.ts`).
 */
export const HC_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
};
