/** A session that remembers its guards and lets a test ask them as Chromium would. */
import { EventEmitter } from 'node:events';

type PermissionRequest = (
  contents: unknown,
  permission: string,
  callback: (granted: boolean) => void,
  details: { requestingUrl: string },
) => void;
type PermissionCheck = (contents: unknown, permission: string, origin: string) => boolean;
type BeforeRequest = (
  details: { url: string; resourceType: string },
  callback: (answer: { cancel?: boolean }) => void,
) => void;

export class StandInSession extends EventEmitter {
  spellChecker = true;
  #request: PermissionRequest | undefined;
  #check: PermissionCheck | undefined;
  #device: (() => boolean) | undefined;
  #display: ((request: unknown, callback: (streams: unknown) => void) => void) | undefined;
  #verify: ((request: unknown, callback: (result: number) => void) => void) | undefined;
  #beforeRequest: BeforeRequest | undefined;

  readonly webRequest = {
    onBeforeRequest: (listener: BeforeRequest) => {
      this.#beforeRequest = listener;
    },
  };

  setPermissionRequestHandler(handler: PermissionRequest): void {
    this.#request = handler;
  }
  setPermissionCheckHandler(handler: PermissionCheck): void {
    this.#check = handler;
  }
  setDevicePermissionHandler(handler: () => boolean): void {
    this.#device = handler;
  }
  setDisplayMediaRequestHandler(
    handler: (request: unknown, callback: (streams: unknown) => void) => void,
  ): void {
    this.#display = handler;
  }
  setCertificateVerifyProc(proc: (request: unknown, callback: (result: number) => void) => void): void {
    this.#verify = proc;
  }
  setSpellCheckerEnabled(enabled: boolean): void {
    this.spellChecker = enabled;
  }

  // From here on: what a test asks. Without a guard the answers are Electron's own, which are open ones.

  permission(permission: string, requestingUrl: string): boolean {
    let granted = true;
    this.#request?.(null, permission, (answer) => (granted = answer), { requestingUrl });
    return granted && (this.#check?.(null, permission, requestingUrl) ?? true);
  }
  device(): boolean {
    return this.#device?.() ?? true;
  }
  displayStreams(): unknown {
    let streams: unknown = 'a screen';
    this.#display?.({}, (answer) => (streams = answer));
    return streams;
  }
  certificateResult(): number {
    let result = 0;
    this.#verify?.({}, (answer) => (result = answer));
    return result;
  }
  lets(url: string, resourceType = 'xhr'): boolean {
    let cancelled = false;
    this.#beforeRequest?.({ url, resourceType }, (answer) => (cancelled = answer.cancel === true));
    return !cancelled;
  }
}
