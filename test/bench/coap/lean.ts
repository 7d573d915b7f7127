/** CoAP by hand, for what must cost less than whatever is measured. */
import { createSocket } from 'node:dgram';
import type { Socket, SocketType } from 'node:dgram';
import { once } from 'node:events';

export const PAYLOAD = Buffer.alloc(64, '21.53');
export const CONTENT = 0x45;

const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** Bound to loopback; addresses go to the kernel as they are, without a turn through the resolver. */
export async function openSocket(address = '127.0.0.1', port = 0): Promise<Socket> {
  const type: SocketType = 'udp4';
  const socket = createSocket({ type, lookup: (host, _options, done) => done(null, host, 4) });
  const listening = once(socket, 'listening'); // at once, as nothing is looked up
  socket.bind(port, address);
  await listening;
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  return socket;
}

/** A confirmable GET with a token of 8 bytes; `nextId` writes a message id into it and returns it. */
export function getRequest(path: string[]): Buffer {
  const parts = [Buffer.from([0x48, 0x01, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])];
  for (const [index, segment] of path.entries()) {
    const value = Buffer.from(segment);
    const delta = index === 0 ? 11 : 0;
    const head = value.length < 13 ? [(delta << 4) | value.length] : [(delta << 4) | 13, value.length - 13];
    parts.push(Buffer.from(head), value);
  }
  return Buffer.concat(parts);
}

/** A piggybacked 2.05 with text/plain and 64 bytes. */
export function contentAnswer(request: Buffer): Buffer {
  const token = request[0]! & 15;
  const answer = Buffer.allocUnsafe(6 + token + PAYLOAD.length);
  answer[0] = 0x60 | token;
  answer[1] = CONTENT;
  answer[2] = request[2]!;
  answer[3] = request[3]!;
  for (let at = 4; at < 4 + token; at++) answer[at] = request[at]!;
  answer[4 + token] = 0xc0;
  answer[5 + token] = 0xff;
  PAYLOAD.copy(answer, 6 + token);
  return answer;
}
