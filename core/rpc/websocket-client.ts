import { PROTOCOL_VERSION } from '../contract/frames.ts';
import { CLIENT_INBOUND_LIMITS, decodeFrame, encodeFrame } from './client-codec.ts';
import type { ClientFrame, HostFrame } from '../contract/frames.ts';
import type { ClientTransport } from './types.ts';

/**
 * A connection to a station's `/rpc` over the global WebSocket of browsers and of Node. `url` is `ws://host:port/rpc`;
 * `token` says who asks, and is left empty where the browser has a cookie. A failure to connect comes as `onClose`.
 */
export function connectWebSocket(url: string, token = ''): ClientTransport {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  let onFrame: ((frame: HostFrame) => void) | undefined;
  let onClose: ((reason: string) => void) | undefined;
  let closedBecause: string | undefined;
  const early: HostFrame[] = [];

  const send = (frame: ClientFrame): void => {
    if (closedBecause === undefined && socket.readyState === WebSocket.OPEN) socket.send(encodeFrame(frame));
  };

  function end(reason: string): void {
    if (closedBecause !== undefined) return;
    closedBecause = reason;
    socket.removeEventListener('open', opened);
    socket.removeEventListener('message', message);
    socket.removeEventListener('close', closed);
    socket.close(1000);
    onClose?.(reason);
  }

  const opened = (): void => send({ kind: 'hello', version: PROTOCOL_VERSION, token });
  const closed = (event: { code: number; reason: string }): void =>
    end(event.reason || (event.code === 1006 ? 'the station does not answer' : `closed (${event.code})`));
  const message = (event: { data: unknown }): void => {
    let frame: HostFrame;
    try {
      if (!(event.data instanceof ArrayBuffer)) throw new Error('a text message');
      frame = decodeFrame(new Uint8Array(event.data), CLIENT_INBOUND_LIMITS) as HostFrame;
    } catch {
      end('the station sent something that cannot be read');
      return;
    }
    if (onFrame === undefined) early.push(frame);
    else onFrame(frame);
  };

  socket.addEventListener('open', opened);
  socket.addEventListener('message', message);
  socket.addEventListener('close', closed);
  // What went wrong is told by the close that follows; without a listener some runtimes report it as uncaught.
  socket.addEventListener('error', () => undefined);

  return {
    send,
    onFrame(listener) {
      onFrame = listener;
      for (const frame of early.splice(0)) listener(frame);
    },
    onClose(listener) {
      onClose = listener;
      if (closedBecause !== undefined) listener(closedBecause);
    },
    close: (reason = 'closed') => end(reason),
    bufferedBytes: () => socket.bufferedAmount,
  };
}

/** `http://host:port` (any path) as the address of its WebSocket: `ws://host:port/rpc`. */
export function rpcUrlOf(httpUrl: string): string {
  const url = new URL('/rpc', httpUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
