import { codeOf, messageOf } from '../../base/errors.ts';
import { coapError } from '../errors.ts';

/** What the system said against listening, as `listen.*`. `what` is `UDP`, `TCP`, `TLS`, `WebSocket`. */
export function listenError(error: unknown, what: string, at: { host: string; port: number }): Error {
  if (codeOf(error) !== 'internal') return error as Error;
  const where = `${what} ${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`;
  const detail = { host: at.host, port: at.port };
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return coapError('listen.port_taken', `${where} is taken by another program.`, detail, error);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return coapError('listen.no_such_address', `This machine has no address ${at.host}.`, detail, error);
    case 'EACCES':
      return coapError('listen.not_allowed', `This user may not open ${where}.`, detail, error);
    default:
      return coapError('listen.failed', `${where} cannot be opened: ${messageOf(error)}.`, detail, error);
  }
}
