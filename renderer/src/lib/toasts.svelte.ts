/** Short messages in the corner: what was done, or what went wrong. Problems stay until they are closed. */
export interface Toast {
  id: number;
  text: string;
  tone: 'note' | 'problem';
}

const SHOWN_MS = 5_000;
const MOST = 5;

class ToastState {
  list = $state.raw<Toast[]>([]);
  #next = 1;

  show(text: string, tone: Toast['tone'] = 'note'): void {
    const toast = { id: this.#next++, text, tone };
    this.list = [...this.list.filter((other) => other.text !== text), toast].slice(-MOST);
    if (tone === 'note') setTimeout(() => this.close(toast.id), SHOWN_MS);
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
