/** Requests that the station keeps, for every screen. */
import type { CoapMethod } from '../../../../../core/contract/coap.ts';
import type { SavedCoapRequest } from '../../../../../core/contract/coap-browser.ts';
import { getClient } from '../../../lib/station.svelte.ts';
import { problemOf } from '../../../lib/toasts.svelte.ts';
import { savedOf } from './ask-form.ts';
import { asking } from './asking.svelte.ts';

class SavedRequests {
  /** Null until they were read. */
  list = $state.raw<SavedCoapRequest[] | null>(null);
  problem = $state<string | null>(null);

  async read(): Promise<void> {
    try {
      const { requests } = await getClient().call('coap.savedRequests', {});
      this.list = requests.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
      this.problem = null;
    } catch (error) {
      this.problem = problemOf(error);
    }
  }

  /** Keeps what is written. `id` changes the one that has it. Returns what is wrong, or null. */
  async keep(name: string, method: CoapMethod, id?: string): Promise<string | null> {
    const made = savedOf(name, method, asking.address, asking.fields);
    if ('problem' in made) return made.problem;
    return this.#save({ ...made, ...(id === undefined ? {} : { id }) });
  }

  rename(saved: SavedCoapRequest, name: string): Promise<string | null> {
    return this.#save({ ...saved, name });
  }

  async #save(one: Omit<SavedCoapRequest, 'id'> & { id?: string }): Promise<string | null> {
    const options = one.options.map(({ number, value }) => ({ number, value: value.slice() }));
    try {
      asking.from = await getClient().call('coap.saveRequest', {
        ...one,
        blockBytes: one.blockBytes as 16 | null,
        options,
        payload: one.payload.slice(),
      });
      await this.read();
      return null;
    } catch (error) {
      return problemOf(error);
    }
  }

  /** Throws where the station refuses. */
  async remove(saved: SavedCoapRequest): Promise<void> {
    await getClient().call('coap.removeRequest', { id: saved.id });
    if (asking.from?.id === saved.id) asking.from = null;
    await this.read();
  }
}

export const savedRequests = new SavedRequests();
