/** One screen's WebSocket as a transport. */
import { HOST_INBOUND_LIMITS, decodeFrame, encodeFrame } from '../rpc/client-codec.ts';
import { messageOf } from '../base/errors.ts';
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../base/clock.ts';
import type { ClientFrame } from '../contract/frames.ts';
import type { HostTransport } from '../rpc/types.ts';

/** Answered by the browser itself, hidden page or not, so that a dead screen is known in at most twice this time. */
export const PING_INTERVAL_MS = 10_000;
/** Pings that a screen may miss while answers wait before them on a slow line. */
const PATIENT_PINGS = 6;
/** For the closing handshake; then the socket is cut. */
const CLOSE_PATIENCE_MS = 2_000;

/** Close codes of the application's own range (RFC 6455 §7.4.2). */
export const CLOSE_REFUSED = 4401;
export const CLOSE_BAD_FRAME = 4400;
export const CLOSE_TRY_LATER = 4429;

export interface WebSocketTransport extends HostTransport {
  closeWith(code: number, reason: string): void;
}

/** `onBadFrame` hears of each message that cannot be decoded; the socket is closed for it. */
export function webSocketTransport(
  socket: WebSocket,
  clock: Clock,
  onBadFrame: (why: string) => void,
): WebSocketTransport {
  let onFrame: ((frame: ClientFrame) => void) | undefined;
  let onClose: ((reason: string) => void) | undefined;
  let closedBecause: string | undefined;
  let unanswered = 0;
  let timer: Timer | undefined;
  const early: ClientFrame[] = [];

  function watch(): void {
    timer = clock.after(PING_INTERVAL_MS, () => {
      if (unanswered > (socket.bufferedAmount > 0 ? PATIENT_PINGS : 0)) {
        socket.terminate();
        end('the screen does not answer');
        return;
      }
      unanswered++;
      socket.ping();
      watch();
    });
  }

  function end(reason: string): void {
    if (closedBecause !== undefined) return;
    closedBecause = reason;
    timer?.cancel();
    onClose?.(reason);
  }

  function closeWith(code: number, reason: string): void {
    if (closedBecause !== undefined) return;
    // A close reason has at most 123 bytes (RFC 6455 §5.5).
    socket.close(
      code,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString('utf8')
        .replace(/\uFFFD+$/, ''),
    );
    const patience = clock.after(CLOSE_PATIENCE_MS, () => socket.terminate());
    socket.once('close', () => patience.cancel());
    end(reason);
  }

  socket.on('pong', () => (unanswered = 0));
  socket.on('message', (data, isBinary) => {
    if (closedBecause !== undefined) return;
    unanswered = 0;
    let frame: ClientFrame;
    try {
      if (!isBinary) throw new Error('a text message');
      frame = decodeFrame(data as Buffer, HOST_INBOUND_LIMITS) as ClientFrame;
    } catch (error) {
      onBadFrame(messageOf(error));
      closeWith(CLOSE_BAD_FRAME, 'the message cannot be read');
      return;
    }
    if (onFrame === undefined) early.push(frame);
    else onFrame(frame);
  });
  // Raised for broken WebSocket framing and for messages that are too long; ws closes the socket itself.
  socket.on('error', (error) => onBadFrame(error.message));
  socket.on('close', (code, reason) => end(reason.toString('utf8') || `closed (${code})`));
  watch();

  return {
    send(frame) {
      if (closedBecause === undefined) socket.send(encodeFrame(frame));
    },
    onFrame(listener) {
      onFrame = listener;
      for (const frame of early.splice(0)) listener(frame);
    },
    onClose(listener) {
      onClose = listener;
      if (closedBecause !== undefined) listener(closedBecause);
    },
    close: (reason = 'closed') => closeWith(1000, reason),
    closeWith,
    bufferedBytes: () => socket.bufferedAmount,
  };
}
