/** What the shell itself asks or tells, in native dialogs: only what the console cannot, because there is no station behind it. */
import type { BrowserWindow, MessageBoxOptions } from 'electron';
import type { ElectronApi } from './electron-api.ts';
import { stationUrl } from './external-links.ts';
import type { HostFailure } from './host-messages.ts';

type Answer = 'try_again' | 'open_station' | 'open_logs' | 'quit';

const LABELS: Record<Answer, string> = {
  try_again: 'Try again',
  open_station: 'Open it in the browser',
  open_logs: 'Open the log folder',
  quit: 'Quit',
};

/** Where the station that holds the data folder serves its console, or null when the failure is another one. */
export function runningStationUrl(failure: HostFailure): string | null {
  return failure.code === 'store.locked' ? stationUrl(failure.detail['http']) : null;
}

/** Tells why there is no station and asks what to do; a closed dialog is "quit". */
export async function askAboutFailure(
  api: Pick<ElectronApi, 'dialog'>,
  window: BrowserWindow | undefined,
  failure: HostFailure,
): Promise<Answer> {
  const url = runningStationUrl(failure);
  const locked = failure.code === 'store.locked';
  const answers: Answer[] =
    url === null ? ['try_again', 'open_logs', 'quit'] : ['open_station', 'try_again', 'quit'];
  const answer = await ask(api, window, {
    type: locked ? 'info' : 'error',
    title: 'Fieldstation',
    message: locked ? 'A station already runs on this data folder.' : 'The station does not run.',
    detail: url === null ? failure.message : `${failure.message}\n\n${howToGetIn(url, failure)}`,
    buttons: answers.map((one) => LABELS[one]),
    defaultId: 0,
    cancelId: answers.length - 1,
    noLink: true,
  });
  return answers[answer] ?? 'quit';
}

/** The token itself goes into no address here: the system's browser is started with it in the sight of every user. */
function howToGetIn(url: string, { detail }: HostFailure): string {
  const address = `Its console is at ${url.split('?')[0]}`;
  const { folder } = detail;
  if (typeof folder !== 'string') return address;
  return `${address} and asks for a token: "admin" in tokens.json in ${folder}.`;
}

/** True when the operator wants the station to stop. The safe answer is the default one. */
export async function askToStopStation(
  api: Pick<ElectronApi, 'dialog'>,
  window: BrowserWindow | undefined,
): Promise<boolean> {
  const answer = await ask(api, window, {
    type: 'question',
    title: 'Fieldstation',
    message: 'Stop the station?',
    detail:
      'This is the last window. While the station is stopped, devices cannot connect and nothing is recorded.',
    buttons: ['Keep it running', 'Stop and quit'],
    defaultId: 0,
    cancelId: 0,
    noLink: true,
  });
  return answer === 1;
}

/** True when the console is to be loaded once more. */
export async function askAboutBrokenPage(
  api: Pick<ElectronApi, 'dialog'>,
  window: BrowserWindow,
  reason: string,
): Promise<boolean> {
  const answer = await ask(api, window, {
    type: 'error',
    title: 'Fieldstation',
    message: 'The console cannot be shown.',
    detail: `${reason} The station itself goes on recording.`,
    buttons: ['Load it again', 'Leave it'],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  });
  return answer === 0;
}

async function ask(
  api: Pick<ElectronApi, 'dialog'>,
  window: BrowserWindow | undefined,
  options: MessageBoxOptions,
): Promise<number> {
  const parent = window === undefined || window.isDestroyed() ? undefined : window;
  const { dialog } = api;
  const result =
    parent === undefined ? dialog.showMessageBox(options) : dialog.showMessageBox(parent, options);
  return (await result).response;
}
