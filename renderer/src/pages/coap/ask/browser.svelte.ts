/** Where the CoAP browser is: servers and resources that are known, the place it shows, and the way there. */
import type { CoapMethod, CoapResource } from '../../../../../core/contract/coap.ts';
import { formatNumber } from '../../../lib/format.ts';
import { href } from '../../../lib/place.ts';
import { go } from '../../../lib/route.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';
import { problemOf, toasts } from '../../../lib/toasts.svelte.ts';
import { readAddress } from '../coap-address.ts';
import { adviceFor, codeOfError } from '../coap-problems.ts';
import { applyDelta, foreignResources } from '../resource-tree.ts';
import { NO_TRAIL, readHistory, step, visit, withNewest } from './address-history.ts';
import { asking } from './asking.svelte.ts';

const HISTORY_KEY = 'fieldstation.coap.history';
const DISCOVER_TIMEOUT_MS = 120_000;

export interface Problem {
  title: string;
  message: string;
  todo: string;
}

class CoapBrowser {
  all = $state.raw<CoapResource[]>([]);
  loaded = $state(false);
  /** The server that is shown. */
  authority = $state<string | null>(null);
  /** The resource that is shown. */
  uri = $state<string | null>(null);
  /** What is wrong with the address that was entered. */
  addressProblem = $state<string | null>(null);
  history = $state.raw<string[]>([]);
  trail = $state.raw(NO_TRAIL);
  discovering = $state.raw<{ authority: string; abort: AbortController } | null>(null);
  pinging = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** Links to other servers, by the server whose list has them. */
  #foreign = $state.raw<Readonly<Record<string, CoapResource[]>>>({});

  resources = $derived.by(() => {
    const own = this.all.filter((one) => one.authority === this.authority);
    const known = new Set(own.map(({ uri }) => uri));
    const others = this.#foreign[this.authority ?? ''] ?? [];
    return [...own, ...others.filter(({ uri }) => !known.has(uri))];
  });
  chosen = $derived(this.uri === null ? null : (this.#find(this.uri) ?? null));
  readonly canBack = $derived(this.trail.at > 0);
  readonly canForward = $derived(this.trail.at < this.trail.uris.length - 1);

  #find(uri: string): CoapResource | undefined {
    return this.resources.find((one) => one.uri === uri);
  }

  /** Follows what the station knows; gives the way to stop. */
  start(): () => void {
    this.history = readHistory(this.#kept());
    return getClient().subscribe(
      'coap',
      {},
      {
        snapshot: ({ resources }) => {
          this.all = resources;
          this.loaded = true;
        },
        delta: (delta) => (this.all = applyDelta(this.all, delta)),
        error: (error) => (this.problem = { ...adviceFor(error.code), message: error.message }),
      },
      { maxHz: 5 },
    );
  }

  /** Shows a place; asks nothing. */
  visit(uri: string, options: { back?: boolean } = {}): boolean {
    const address = readAddress(uri);
    this.addressProblem = address.ok ? null : address.problem;
    if (!address.ok) return false;
    if (this.authority !== address.authority) this.problem = null;
    this.authority = address.authority;
    this.uri = address.bare ? null : address.uri;
    asking.address = address.uri;
    asking.turnTo(this.uri);
    if (options.back !== true) this.trail = visit(this.trail, address.uri);
    go(href('coap', null, { uri: address.uri }), { replace: true });
    return true;
  }

  /** -1 is back, 1 is forward. */
  walk(by: -1 | 1): void {
    const trail = step(this.trail, by);
    const uri = trail.uris[trail.at];
    if (trail === this.trail || uri === undefined) return;
    this.trail = trail;
    this.visit(uri, { back: true });
  }

  /** Enter in the address bar: a resource is read, a server without a path is asked what it has. */
  async enter(text: string): Promise<void> {
    if (!this.visit(text)) return;
    if (this.uri === null) await this.discover();
    else await this.ask('GET');
  }

  /** Shows a resource and reads it: one small request that saves a press. */
  async look(uri: string): Promise<void> {
    if (!this.visit(uri)) return;
    this.#remember(uri);
    await asking.look();
  }

  /** Sends what is written to the address in the bar. False where it cannot be sent. */
  async ask(method: CoapMethod): Promise<boolean> {
    if (!this.visit(asking.address)) return false;
    // A request without a path is one for the root.
    this.uri ??= `${this.authority ?? ''}/`;
    asking.address = this.uri;
    this.#remember(this.uri);
    const sent = await asking.send(method);
    this.#adopt();
    return sent;
  }

  /** The station's own form of the address, where it differs from what was written (`/a/../b`). */
  #adopt(): void {
    const answered = asking.outcome?.view?.uri;
    if (answered === undefined || asking.outcome?.uri !== this.uri || answered === this.uri) return;
    if (!readAddress(answered).ok || this.#find(answered) === undefined) return;
    asking.outcome = { ...asking.outcome, uri: answered };
    this.visit(answered);
  }

  async discover(): Promise<void> {
    if (!this.visit(asking.address) || this.authority === null) return;
    this.discovering?.abort.abort();
    const own = { authority: this.authority, abort: new AbortController() };
    this.discovering = own;
    this.problem = null;
    this.#remember(this.uri ?? own.authority);
    try {
      const found = await getClient().call(
        'coap.discover',
        { uri: `${own.authority}/.well-known/core` },
        { signal: own.abort.signal, timeoutMs: DISCOVER_TIMEOUT_MS },
      );
      const others = foreignResources(found.authority, found.links);
      this.#foreign = { ...this.#foreign, [found.authority]: others };
      // The station has the name in its canonical form.
      if (this.discovering === own && this.authority === own.authority) this.authority = found.authority;
    } catch (error) {
      if (this.discovering === own && this.authority === own.authority) {
        this.problem = { ...adviceFor(codeOfError(error)), message: problemOf(error) };
      }
    } finally {
      if (this.discovering === own) this.discovering = null;
    }
  }

  stopDiscovering(): void {
    const own = this.discovering;
    this.discovering = null;
    own?.abort.abort();
  }

  async ping(): Promise<void> {
    if (!this.visit(asking.address) || this.authority === null) return;
    this.pinging = true;
    try {
      const { rttMs, peer } = await getClient().call(
        'coap.ping',
        { uri: this.authority },
        { timeoutMs: DISCOVER_TIMEOUT_MS },
      );
      toasts.show(`${peer} speaks CoAP: it answered in ${formatNumber(rttMs, '', 1)} ms.`);
    } catch (error) {
      const { title, todo } = adviceFor(codeOfError(error));
      toasts.show(`Ping: ${title}. ${problemOf(error)} ${todo}`.trim(), 'problem');
    } finally {
      this.pinging = false;
    }
  }

  /** Throws where the station refuses. */
  async forget(authority: string): Promise<void> {
    await getClient().call('coap.forget', { authority });
    this.#foreign = { ...this.#foreign, [authority]: [] };
    if (this.authority !== authority) return;
    this.authority = null;
    this.uri = null;
    asking.turnTo(null);
    asking.address = '';
    go(href('coap'), { replace: true });
  }

  #kept(): string | null {
    try {
      return localStorage.getItem(HISTORY_KEY);
    } catch {
      return null;
    }
  }

  #remember(uri: string): void {
    this.history = withNewest(this.history, uri);
    try {
      localStorage.setItem(HISTORY_KEY, JSON.stringify(this.history));
    } catch {
      // A browser that keeps nothing has a history until it is closed.
    }
  }
}

export const browser = new CoapBrowser();
