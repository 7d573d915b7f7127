/** The request that is written, the one that runs, and the last answer. */
import type { CoapMethod, CoapResponseView } from '../../../../../core/contract/coap.ts';
import type { SavedCoapRequest } from '../../../../../core/contract/coap-browser.ts';
import { now } from '../../../lib/now.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';
import { problemOf, toasts } from '../../../lib/toasts.svelte.ts';
import { adviceFor, codeOfError } from '../coap-problems.ts';
import type { Advice } from '../coap-problems.ts';
import { compose, EMPTY_FIELDS, fieldsOf } from './ask-form.ts';
import type { Request } from './ask-form.ts';
import { newExchangeId } from './exchange-id.ts';

/** A sleeping device can take minutes; the operator decides when it is enough. */
const TIMEOUT_MS = 300_000;

interface Asked {
  exchange: string;
  uri: string;
  method: CoapMethod;
}

export interface Running extends Asked {
  startedMs: number;
  abort: AbortController;
}

export type Outcome = Asked & { receivedMs: number } & (
    | { view: CoapResponseView; failure: null }
    | { view: null; failure: Advice & { code: string; message: string } }
  );

class Asking {
  /** What the address bar says. */
  address = $state('');
  method = $state<CoapMethod>('GET');
  fields = $state(structuredClone(EMPTY_FIELDS));
  running = $state.raw<Running | null>(null);
  outcome = $state.raw<Outcome | null>(null);
  /** The saved one that was last put into the fields. */
  from = $state.raw<SavedCoapRequest | null>(null);
  composed = $derived(compose(this.address, this.method, this.fields));
  /** Exchange to look at: of what runs, else of the last answer. */
  exchange = $derived(this.running?.exchange ?? this.outcome?.exchange ?? null);
  #nextRow = 1;

  /** Sends what is written. False where it cannot be sent: `composed.problems` say why. */
  async send(method: CoapMethod): Promise<boolean> {
    this.method = method;
    const { request } = this.composed;
    if (request === null) return false;
    await this.#ask(request);
    return true;
  }

  /** A first look: GET without anything that is written for another request. */
  async look(): Promise<void> {
    const { request } = compose(this.address, 'GET', EMPTY_FIELDS);
    if (request !== null) await this.#ask(request);
  }

  async #ask(request: Request): Promise<void> {
    const { method } = request;
    this.#leave();
    const asked = { exchange: newExchangeId(), uri: request.uri, method };
    const own: Running = { ...asked, startedMs: now.exactMs(), abort: new AbortController() };
    // What stood here before belongs to another question.
    if (this.outcome?.uri !== request.uri) this.outcome = null;
    this.running = own;
    try {
      const view = await getClient().call(
        'coap.request',
        { ...request, exchange: own.exchange },
        { signal: own.abort.signal, timeoutMs: TIMEOUT_MS },
      );
      if (this.running === own) {
        this.outcome = { ...asked, receivedMs: now.exactMs(), view, failure: null };
      }
    } catch (error) {
      if (this.running === own) this.#failed(asked, error);
    } finally {
      if (this.running === own) this.running = null;
    }
  }

  #failed(asked: Asked, error: unknown): void {
    const code = codeOfError(error);
    const failure = { ...adviceFor(code), code, message: problemOf(error) };
    this.outcome = { ...asked, receivedMs: now.exactMs(), view: null, failure };
  }

  /** Stops waiting. What went out is out. */
  cancel(): void {
    const own = this.running;
    if (own === null) return;
    this.running = null;
    own.abort.abort();
    const { exchange, uri, method } = own;
    const message =
      method === 'GET' || method === 'FETCH'
        ? 'The station no longer waits for an answer.'
        : 'The station no longer waits for an answer. What was sent may have been carried out.';
    const failure = { ...adviceFor('coap.cancelled'), code: 'coap.cancelled', message };
    this.outcome = { exchange, uri, method, receivedMs: now.exactMs(), view: null, failure };
  }

  /** Another resource is looked at: the answer of this one must not stand under it. */
  turnTo(uri: string | null): void {
    if (this.running !== null && this.running.uri !== uri) this.#leave();
    if (this.outcome !== null && this.outcome.uri !== uri) this.outcome = null;
  }

  /** Gives up what runs, and says so where it may change something. */
  #leave(): void {
    const own = this.running;
    if (own === null) return;
    this.running = null;
    own.abort.abort();
    if (own.method !== 'GET' && own.method !== 'FETCH') {
      toasts.show(`${own.method} ${own.uri}: its answer is no longer waited for.`);
    }
  }

  /** An empty line; gives its id. */
  addOption(): number {
    const id = this.#nextRow++;
    this.fields.options.push({ id, which: '', form: 'hex', value: '' });
    return id;
  }

  removeOption(id: number): void {
    this.fields.options = this.fields.options.filter((row) => row.id !== id);
  }

  /** Puts a saved request into the fields; nothing is sent. */
  load(saved: SavedCoapRequest): void {
    this.fields = fieldsOf(saved, this.#nextRow);
    this.#nextRow += saved.options.length;
    this.method = saved.method;
    this.from = saved;
  }

  /** An empty editor. */
  clear(): void {
    this.fields = structuredClone(EMPTY_FIELDS);
    this.method = 'GET';
    this.from = null;
  }
}

export const asking = new Asking();
