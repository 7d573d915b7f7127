import { CodedError, codeOf, messageOf } from '../base/errors.ts';
import { formatHostPort } from './options.ts';
import type { HostPort } from './options.ts';
import { portHolder } from './port-holder.ts';

/** One line: which listener (`name`), which port, why, what to do. `flag` moves it, where it has one. */
export async function explainListen(
  listener: { name: string; address: HostPort; protocol: 'tcp' | 'udp'; flag: string | null },
  error: unknown,
): Promise<string> {
  const { name, address, protocol, flag } = listener;
  const { port } = address;
  const what = `${name} cannot listen on ${formatHostPort(address)}`;
  const where = flag === null ? '' : ` with ${flag} HOST:PORT`;
  switch (causeOf(error)) {
    case 'taken': {
      const holder = await portHolder(protocol, port);
      if (holder?.endsWith(`(pid ${process.pid})`) === true) {
        return `${what}: this station itself uses port ${port} for something else. Choose another port${where}.`;
      }
      const by = holder === null ? '' : ` by ${holder}`;
      return `${what}: port ${port} is taken${by}. Stop that program or choose another port${where}.`;
    }
    case 'not allowed':
      return `${what}: the system reserves port ${port}. Choose one above 1023${where}.`;
    case 'no such address':
      return `${what}: this machine has no such address. Use one of its own, for example 127.0.0.1.`;
    default:
      // Coded messages say by themselves what happened and what to do.
      return error instanceof CodedError ? error.message : `${what}: ${messageOf(error)}`;
  }
}

/** By the protocol's own code, or the system's word, which a protocol's own error carries as its cause. */
function causeOf(error: unknown): 'taken' | 'not allowed' | 'no such address' | 'else' {
  const { code: own, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const code = codeOf(error);
  const system = cause?.code ?? own;
  if (code === 'listen.port_taken' || system === 'EADDRINUSE') return 'taken';
  if (code === 'listen.not_allowed' || system === 'EACCES') return 'not allowed';
  const isNoAddress = system === 'EADDRNOTAVAIL' || system === 'ENOTFOUND';
  return code === 'listen.bad_address' || isNoAddress ? 'no such address' : 'else';
}
