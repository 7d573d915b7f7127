/** Runs sandboxed before the console. Built to one CommonJS file that requires `electron` and nothing else. */
import { contextBridge, ipcRenderer } from 'electron';
import { exposeBridge } from './bridge.ts';

exposeBridge({ contextBridge, ipcRenderer }, window, process);
