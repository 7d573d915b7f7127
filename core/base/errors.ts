/**
 * Every failure that leaves a folder carries a code. Code decides on `code`; people read `message`,
 * which says what happened, why, and what to do. Nobody matches on message text.
 *
 * Codes are `family.reason` in lower-case words: `listen.port_taken`, `coap.timeout`, `store.disk_full`.
 */
export class CodedError extends Error {
  readonly code: string;
  readonly detail: Record<string, unknown> | undefined;

  constructor(
    code: string,
    message: string,
    options?: { detail?: Record<string, unknown>; cause?: unknown },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CodedError';
    this.code = code;
    this.detail = options?.detail;
  }
}

/** The code of any thrown value: its own when it has one, else `internal`. */
export function codeOf(error: unknown): string {
  if (error instanceof CodedError) return error.code;
  return 'internal';
}

/** A readable message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
