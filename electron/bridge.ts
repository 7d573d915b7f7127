/**
 * What the preload gives the console: `window.fieldstation`. No method of Electron crosses, only one request, and the
 * port that answers it.
 */
import type { ContextBridge, IpcRenderer } from 'electron';

/** Page to shell: "I am here and want a port to the host". */
export const PORT_WANTED = 'fieldstation:port-wanted';
/** Shell to page: the port. */
export const PORT_GIVEN = 'fieldstation:port';

export interface FieldstationBridge {
  readonly platform: string;
  readonly versions: Readonly<{ electron: string; chrome: string; node: string }>;
  /**
   * Asks for a port to the host. It comes as a `message` event of the window whose `data` is
   * `{ fieldstation: 'port' }` and whose `ports[0]` is the port, as soon as the host runs. A port comes only when it
   * was asked for; when it closes, the host has ended, and the page asks again.
   */
  requestPort(): void;
}

export interface PageWindow {
  readonly location: { readonly origin: string };
  postMessage(message: unknown, targetOrigin: string, transfer: never[]): void;
}

export function exposeBridge(
  electron: { contextBridge: ContextBridge; ipcRenderer: IpcRenderer },
  page: PageWindow,
  runtime: { platform: string; versions: Record<string, string | undefined> },
): void {
  const { contextBridge, ipcRenderer } = electron;
  ipcRenderer.on(PORT_GIVEN, (event) => {
    // To the page's own origin only, and never to whatever may have been loaded in its place.
    page.postMessage({ fieldstation: 'port' }, page.location.origin, event.ports as never[]);
  });
  const versions = Object.freeze({
    electron: runtime.versions['electron'] ?? '',
    chrome: runtime.versions['chrome'] ?? '',
    node: runtime.versions['node'] ?? '',
  });
  const bridge: FieldstationBridge = Object.freeze({
    platform: runtime.platform,
    versions,
    requestPort: () => ipcRenderer.send(PORT_WANTED),
  });
  contextBridge.exposeInMainWorld('fieldstation', bridge);
}
