/** What the proxy needs of a CoAP client; `CoapEndpoint` is one. */
import type { CoapOption } from '../codec/options.ts';
import type { Method } from '../codec/codes.ts';
import type { HostResolver } from '../resolve.ts';

export interface ProxiedRequest {
  method: Method;
  payload?: Uint8Array;
  contentFormat?: number;
  accept?: number;
  options?: CoapOption[];
}

/** A response or notification, whole. */
export interface ProxiedAnswer {
  codeNumber: number;
  options: readonly CoapOption[];
  payload: Uint8Array;
  peer: { address: string };
}

export interface ProxiedObservation {
  readonly state: 'starting' | 'active' | 'stale' | 'retrying' | 'ended';
  /** Why it is as it is, for people; null while all is well. */
  readonly problem: string | null;
  readonly problemCode: string | null;
  cancel(): Promise<void>;
}

export interface ProxiedHandlers {
  notification(answer: ProxiedAnswer): void;
  state(observation: ProxiedObservation): void;
}

export interface ProxyEndpoint {
  /** `resolver` instead of the endpoint's own, for this request alone. */
  request(
    uri: string,
    options: ProxiedRequest & { signal?: AbortSignal; resolver?: HostResolver },
  ): Promise<ProxiedAnswer>;
  /** Handlers are never called before it returns. */
  observe(
    uri: string,
    options: { accept?: number; resolver?: HostResolver },
    handlers: ProxiedHandlers,
  ): ProxiedObservation;
}
