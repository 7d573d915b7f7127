/** Clients that keep one GET under way to every peer, each in the way its makers meant it to be used. */
import coap from 'coap';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLog } from '../../../core/base/log.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';
import { CONTENT, PAYLOAD, getRequest, openSocket } from './lean.ts';

export interface Asked {
  /** Answers with 2.05 and the 64 bytes. */
  done: number;
  /** Other answers and errors. */
  wrong: number;
}

export interface Asker {
  about: string;
  /** Asks until the process ends. */
  start(ports: number[], path: string, into: Asked): Promise<void>;
}

export const ASKERS: Record<string, Asker> = {
  bare: {
    about:
      'a socket of node:dgram that sends the same 29 bytes for each datagram that comes: the floor of Node',
    start: bare,
  },
  ours: { about: 'CoapEndpoint, one UDP port, await request(uri) for each peer', start: ours },
  'node-coap': {
    about: 'node-coap 1.5, one Agent, one request after the other for each peer',
    start: nodeCoap,
  },
  'bare-sockets': {
    about: 'a socket of node:dgram for each of so many peers, all ask one server',
    start: sockets,
  },
  'ours-tcp': { about: 'CoapEndpoint over one TCP connection, so many requests under way', start: oursTcp },
};

async function bare(ports: number[], path: string, into: Asked): Promise<void> {
  const request = getRequest(path.split('/'));
  const socket = await openSocket();
  socket.on('message', (answer, { port, address }) => {
    if (answer[1] === CONTENT) into.done++;
    else into.wrong++;
    socket.send(request, port, address);
  });
  for (const port of ports) socket.send(request, port, '127.0.0.1');
}

/** One source for each entry of `ports`, which are all the server's. Message ids count up, so that none is a duplicate. */
async function sockets(ports: number[], path: string, into: Asked): Promise<void> {
  for (const [index, port] of ports.entries()) {
    const request = getRequest(path.split('/'));
    request[11] = index;
    let id = Math.floor(Math.random() * 0x1_0000);
    const socket = await openSocket();
    const ask = (): void => {
      id = (id + 1) & 0xffff;
      request[2] = id >> 8;
      request[3] = id & 0xff;
      socket.send(request, port, '127.0.0.1');
    };
    socket.on('message', (answer) => {
      if (answer[1] === CONTENT) into.done++;
      else into.wrong++;
      ask();
    });
    ask();
  }
}

async function ours(ports: number[], path: string, into: Asked): Promise<void> {
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  for (const port of ports) void askOn(endpoint, `coap://127.0.0.1:${port}/${path}`, into);
}

async function oursTcp(ports: number[], path: string, into: Asked): Promise<void> {
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  for (const port of ports) void askOn(endpoint, `coap+tcp://127.0.0.1:${port}/${path}`, into);
}

async function askOn(endpoint: CoapEndpoint, uri: string, into: Asked): Promise<void> {
  for (;;) {
    try {
      const { codeNumber, payload } = await endpoint.request(uri);
      if (codeNumber === CONTENT && payload.length === PAYLOAD.length) into.done++;
      else into.wrong++;
    } catch {
      into.wrong++;
    }
  }
}

async function nodeCoap(ports: number[], path: string, into: Asked): Promise<void> {
  const agent = new coap.Agent({ type: 'udp4' });
  const ask = (port: number): void => {
    const request = coap.request({ hostname: '127.0.0.1', port, pathname: `/${path}`, agent });
    request.on('response', ({ code, payload }) => {
      if (code === '2.05' && payload.length === PAYLOAD.length) into.done++;
      else into.wrong++;
      ask(port);
    });
    request.on('error', () => {
      into.wrong++;
      ask(port);
    });
    request.end();
  };
  for (const port of ports) ask(port);
}
