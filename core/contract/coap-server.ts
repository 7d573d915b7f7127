/** The station as a CoAP server, and as a proxy from HTTP to CoAP (RFC 8075). */
import type { CoapTransportName } from './coap.ts';

/** What peers on other machines may do; peers on this one may do all. */
export type CoapOpenness = 'nothing' | 'register' | 'read' | 'publish';

export interface CoapServerSettings {
  /**
   * Each includes those before it: `register` in the resource directory, `read` readings and devices, `publish` to
   * topics. CoAP without DTLS does not know who asks.
   */
  others: CoapOpenness;
}

export interface CoapListenerConfig {
  id: string;
  name: string;
  transport: Extract<CoapTransportName, 'tcp' | 'tls' | 'ws' | 'wss'>;
  host: string;
  /** 0 takes any free one. */
  port: number;
  enabled: boolean;
  /** Server certificate of tls and wss. */
  certificate: string | null;
}

export interface CoapListenerStatus {
  config: CoapListenerConfig;
  state: 'starting' | 'listening' | 'failed' | 'stopped';
  address: string | null;
  error: string | null;
  connections: number;
  /** Given on the command line: it cannot be changed here. */
  fixed: boolean;
}

export interface CoapServerStatus {
  settings: CoapServerSettings;
  /** UDP is among the station's listeners. */
  listeners: CoapListenerStatus[];
  requests: number;
  /** Requests that were refused for who asked. */
  denied: number;
  observers: number;
  registrations: number;
}

export interface CoapProxySettings {
  enabled: boolean;
  /**
   * What may be reached: `10.0.0.0/24`, `10.0.0.7`, `[2001:db8::]/32`, `sensor.local`, `*.plant.local`, each with
   * `:PORT` or for every port. Nothing matches an empty list.
   */
  allow: string[];
}

export interface CoapProxyStatus {
  settings: CoapProxySettings;
  counters: {
    requests: number;
    /** Without a valid token. */
    unauthorized: number;
    /** Not on the list, or the role may not write. */
    refused: number;
    failed: number;
    /** Observations running for HTTP clients now. */
    streams: number;
  };
}
