import { CodedError, messageOf } from '../../base/errors.ts';

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What the system said against listening, as `listen.port_taken`, `.not_allowed`, `.bad_address` or `.failed`. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): CodedError {
  const what = `MQTT cannot listen on ${hostPort(host, port)}`;
  const options = { detail: { host, port }, cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new CodedError(
        'listen.port_taken',
        `${what}: another program has this port. Stop it or choose another port.`,
        options,
      );
    case 'EACCES':
      return new CodedError(
        'listen.not_allowed',
        `${what}: this user may not open that port. Choose one above 1023.`,
        options,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return new CodedError(
        'listen.bad_address',
        `${what}: this machine has no such address. Use one of its own, for example 127.0.0.1.`,
        options,
      );
    default:
      return new CodedError('listen.failed', `${what}: ${messageOf(error)}.`, options);
  }
}
