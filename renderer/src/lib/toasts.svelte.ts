/** Short messages in the corner: what was done, or what went wrong. Problems stay until they are closed. */
export interface Toast {
  id: number;
  text: string;
  tone: 'note' | 'problem';
  /** One thing to do about it, such as Undo; it closes the message. */
  action?: ToastAction | undefined;
}

export interface ToastAction {
  label: string;
  run: () => void;
}

const SHOWN_MS = 5_000;
/** What can be undone stays long enough to be read, found and pressed. */
const SHOWN_WITH_ACTION_MS = 20_000;
const MOST = 5;

class ToastState {
  list = $state.raw<Toast[]>([]);
  #next = 1;

  show(text: string, tone: Toast['tone'] = 'note', action?: ToastAction): void {
    const toast = { id: this.#next++, text, tone, action };
    this.list = [...this.list.filter((other) => other.text !== text), toast].slice(-MOST);
    const shownMs = action === undefined ? SHOWN_MS : SHOWN_WITH_ACTION_MS;
    if (tone === 'note') setTimeout(() => this.close(toast.id), shownMs);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new ToastState();

/** The message of whatever a call threw, for people. */
export function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
