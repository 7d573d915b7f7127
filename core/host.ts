/**
 * The host as the desktop starts it: one station under Electron's utilityProcess. The shell hands over a port for
 * every screen; everything else it says is "stop".
 */
import './base/node-version.ts';
import { CodedError, codeOf, messageOf } from './base/errors.ts';
import { parseServeArguments } from './cli/arguments.ts';
import { stderrLog } from './cli/serve.ts';
import { ROLES } from './contract/roles.ts';
import type { Role } from './contract/roles.ts';
import type { AnyMessagePort } from './rpc/client-port.ts';
import { acceptMessagePort } from './rpc/message-port-host.ts';
import { Station } from './station.ts';
import { keepFilesPrivate } from './station/data-folder.ts';

interface ParentMessage {
  data: unknown;
  ports: AnyMessagePort[];
}

/** Electron's `process.parentPort` (its types belong to the shell's world). */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: ParentMessage) => void): void;
}

const parentPort = (process as unknown as { parentPort?: ParentPort }).parentPort;
if (parentPort === undefined) {
  process.stderr.write('host is started by the desktop; on the command line use "serve".\n');
  process.exit(2);
}

/** How long a last message may take to reach the shell, which ends this process when it has it. */
const FAREWELL_MS = 2_000;

let station: Station | null = null;
let stopping = false;

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await station?.stop();
  farewell({ type: 'stopped' }, 0);
}

function farewell(message: unknown, exitCode: number): void {
  parentPort!.postMessage(message);
  setTimeout(() => process.exit(exitCode), FAREWELL_MS).unref();
  process.exitCode = exitCode;
}

parentPort.on('message', ({ data, ports }) => {
  const message = (typeof data === 'object' && data !== null ? data : {}) as {
    type?: unknown;
    role?: unknown;
  };
  if (message.type === 'stop') {
    void stop();
    return;
  }
  const [port] = ports;
  if (message.type === 'screen' && port !== undefined && ROLES.includes(message.role as Role)) {
    station?.acceptScreen(acceptMessagePort(port), message.role as Role);
  }
});
process.once('SIGTERM', () => void stop());

try {
  keepFilesPrivate();
  station = new Station(parseServeArguments(process.argv.slice(2)), { logFor: stderrLog });
  parentPort.postMessage({ type: 'ready', ready: await station.start() });
} catch (error) {
  const detail = error instanceof CodedError ? (error.detail ?? {}) : {};
  farewell({ type: 'failed', code: codeOf(error), message: messageOf(error), detail }, 1);
}
