/** Whether the request's editor is unfolded; remembered on this machine. */
const KEY = 'fieldstation.coap.editor';

class FoldState {
  #open = $state(remembered());

  get open(): boolean {
    return this.#open;
  }

  set open(next: boolean) {
    this.#open = next;
    try {
      localStorage.setItem(KEY, next ? 'open' : 'folded');
    } catch {
      // Not remembered then; it still holds while the page is open.
    }
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'folded';
  } catch {
    return true;
  }
}

export const foldState = new FoldState();
