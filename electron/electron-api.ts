import type * as Electron from 'electron';

/**
 * The part of Electron that the shell uses. Every module of this folder is handed it instead of importing
 * `electron`, so that the whole shell runs against a stand-in on machines that have no Electron binary.
 */
export type ElectronApi = Pick<
  typeof Electron,
  | 'app'
  | 'BrowserWindow'
  | 'dialog'
  | 'ipcMain'
  | 'Menu'
  | 'MessageChannelMain'
  | 'nativeTheme'
  | 'protocol'
  | 'screen'
  | 'session'
  | 'shell'
  | 'utilityProcess'
>;
