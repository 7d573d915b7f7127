/** Keys that work on every page. Keys of a page belong to the page. */
export interface Shortcut {
  keys: string;
  does: string;
}

export const SHORTCUTS: { group: string; list: Shortcut[] }[] = [
  {
    group: 'Everywhere',
    list: [
      { keys: 'Ctrl K', does: 'Find a page, a device or a theme' },
      { keys: '/', does: 'Put the cursor into the search of this page' },
      { keys: '?', does: 'Show these shortcuts' },
      { keys: 'G then O', does: 'Overview' },
      { keys: 'G then D', does: 'Devices' },
      { keys: 'G then T', does: 'Topics' },
      { keys: 'G then B', does: 'Broker' },
      { keys: 'G then C', does: 'CoAP' },
      { keys: 'G then S', does: 'Settings' },
      { keys: 'Esc', does: 'Close, or empty the search' },
    ],
  },
  {
    group: 'In a table',
    list: [
      { keys: '↑ ↓', does: 'Row by row' },
      { keys: 'PgUp PgDn', does: 'Page by page' },
      { keys: 'Home End', does: 'First and last row' },
      { keys: 'Enter', does: 'Open' },
    ],
  },
  {
    group: 'On the Topics page',
    list: [
      { keys: 'P', does: 'Open or close the publish panel' },
      { keys: 'Ctrl Enter', does: 'Publish what is written' },
      { keys: 'Space', does: 'Tick the retained message that is marked' },
    ],
  },
  {
    group: 'On the CoAP page',
    list: [
      { keys: 'L', does: 'Put the cursor into the address' },
      { keys: 'Enter', does: 'Read what the address names' },
      { keys: 'Ctrl Enter', does: 'Send with the method that is marked' },
      { keys: 'R', does: 'GET once more' },
      { keys: 'Alt ← →', does: 'Back and forward' },
      { keys: 'Esc', does: 'Stop waiting for the answer' },
    ],
  },
  {
    group: 'In a tree',
    list: [
      { keys: '→', does: 'Open a level, then go into it' },
      { keys: '←', does: 'Close a level, then go up' },
      { keys: '↑ ↓', does: 'Line by line' },
    ],
  },
  {
    group: 'In a trend',
    list: [
      { keys: '← →', does: 'Move the cursor; with Shift in larger steps' },
      { keys: 'Home End', does: 'Cursor to the first and last reading' },
      { keys: '+ −', does: 'Closer and wider' },
      { keys: 'PgUp PgDn', does: 'Earlier and later' },
      { keys: 'Esc', does: 'Back to the range before' },
    ],
  },
];

/** True where a key is text and not a command. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  ) {
    return true;
  }
  const buttons = ['button', 'checkbox', 'radio', 'submit', 'range'];
  return target instanceof HTMLInputElement && !buttons.includes(target.type);
}
