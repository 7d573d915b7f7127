/** A name for one exchange. `randomUUID` is only there over https and on localhost; random bytes are everywhere. */
export function newExchangeId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
