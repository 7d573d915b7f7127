import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { PORT_GIVEN, PORT_WANTED } from './bridge.ts';
import type { ElectronApi } from './electron-api.ts';
import type { HostState } from './host-supervisor.ts';
import { PortHandover } from './port-handover.ts';

class Contents extends EventEmitter {
  readonly mainFrame = { url: 'app://console/', parent: null };
  readonly given: string[] = [];
  destroyed = false;

  isDestroyed = (): boolean => this.destroyed;
  postMessage(channel: string): void {
    this.given.push(channel);
  }
}

const ready: HostState = { phase: 'ready', ready: { mqtt: null, coap: null, http: null } };
let nowMs: number;
let state: HostState;
let connected: number;
let closed: number;
let ipcMain: EventEmitter;
let handover: PortHandover;

beforeEach(() => {
  nowMs = 0;
  state = ready;
  connected = 0;
  closed = 0;
  ipcMain = new EventEmitter();
  class MessageChannelMain {
    port1 = { close: () => closed++ };
    port2 = {};
  }
  const host = {
    get state() {
      return state;
    },
    connectScreen: () => state.phase === 'ready' && ++connected > 0,
  };
  const api = { ipcMain, MessageChannelMain } as unknown as ElectronApi;
  const timers = { monotonic: () => nowMs, after: () => ({ cancel() {} }) };
  handover = new PortHandover(api, host, () => undefined, timers);
  handover.start();
});

function ask(contents: Contents): void {
  ipcMain.emit(PORT_WANTED, { sender: contents, senderFrame: contents.mainFrame });
}

describe('PortHandover', () => {
  it('gives one port for each time it is asked', () => {
    const page = new Contents();
    ask(page);
    ask(page);
    handover.hostReady();
    expect(page.given).toEqual([PORT_GIVEN, PORT_GIVEN]);
  });

  it('a port given just before the host ended is given again when there is a host', () => {
    const recent = new Contents();
    const early = new Contents();
    ask(early);
    nowMs = 5_000;
    ask(recent);
    state = { phase: 'waiting', delayMs: 500, crashes: 1 };
    handover.hostLost();
    ask(recent);
    expect(recent.given).toHaveLength(1);
    state = ready;
    handover.hostReady();
    handover.hostReady();
    expect(recent.given).toHaveLength(2);
    expect(early.given).toHaveLength(1);
  });

  it.each(['did-start-navigation', 'render-process-gone', 'destroyed'])('forgets a page at %s', (event) => {
    state = { phase: 'starting' };
    const page = new Contents();
    ask(page);
    page.emit('did-start-navigation', { isMainFrame: true, isSameDocument: true });
    page.emit('did-start-navigation', { isMainFrame: false, isSameDocument: false });
    expect(page.listenerCount(event)).toBe(1);
    page.emit(event, { isMainFrame: true, isSameDocument: false });
    state = ready;
    handover.hostReady();
    expect(page.given).toEqual([]);
    expect(page.eventNames()).toEqual([]);
  });

  it('gives nothing to a page that was destroyed meanwhile', () => {
    state = { phase: 'starting' };
    const page = new Contents();
    ask(page);
    page.destroyed = true;
    state = ready;
    handover.hostReady();
    expect(page.given).toEqual([]);
    expect(connected).toBe(0);
  });

  it('closes the port that no host takes', () => {
    const page = new Contents();
    ask(page);
    state = { phase: 'stopping' };
    handover.hostReady();
    ask(page);
    handover.hostReady();
    expect(closed).toBe(1);
    expect(page.given).toHaveLength(1);
  });

  it('leaves no listener behind', () => {
    state = { phase: 'starting' };
    const page = new Contents();
    ask(page);
    handover.stop();
    expect(page.eventNames()).toEqual([]);
    expect(ipcMain.eventNames()).toEqual([]);
  });
});
