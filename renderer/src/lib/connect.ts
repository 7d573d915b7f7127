/**
 * How this screen reaches its host. In the desktop window the preload hands over a MessagePort straight to the
 * host process; in a browser it is a WebSocket to the origin that served the page, let in by its cookie
 * (the gateway turns the token of a link into one).
 */
import { createClient } from '../../../core/rpc/client.ts';
import { connectMessagePort } from '../../../core/rpc/message-port-client.ts';
import { connectWebSocket, rpcUrlOf } from '../../../core/rpc/websocket-client.ts';
import type { RpcClient } from '../../../core/rpc/types.ts';

/** What the preload shows of itself to the page; absent in a browser. */
interface DesktopShell {
  readonly platform: string;
  requestPort(): void;
}

declare global {
  interface Window {
    readonly fieldstation?: DesktopShell;
  }
}

export function connect(): RpcClient {
  const shell = window.fieldstation;
  if (shell !== undefined) return createClient(async () => connectMessagePort(await askPort(shell)));
  return createClient(() => connectWebSocket(rpcUrlOf(location.href)));
}

/** Every request brings a new port: after the host was restarted the old one leads nowhere. */
function askPort(shell: DesktopShell): Promise<MessagePort> {
  return new Promise((resolve) => {
    window.addEventListener('message', function take(event: MessageEvent): void {
      const port = event.ports[0];
      if (event.source !== window || port === undefined) return;
      if ((event.data as { fieldstation?: unknown } | null)?.fieldstation !== 'port') return;
      window.removeEventListener('message', take);
      resolve(port);
    });
    shell.requestPort();
  });
}
