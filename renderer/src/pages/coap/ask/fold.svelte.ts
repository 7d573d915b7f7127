/** Whether the request's editor is unfolded; remembered on this machine. */
const KEY = 'fieldstation.coap.editor';
const LEAST_PX = 900;

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
    const kept = localStorage.getItem(KEY);
    if (kept !== null) return kept === 'open';
  } catch {
    // As on a first visit.
  }
  // On a low screen the answer needs the room more than a payload that is not written yet.
  return window.innerHeight >= LEAST_PX;
}

export const foldState = new FoldState();
