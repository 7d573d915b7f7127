import { accessSync, constants } from 'node:fs';
import { CodedError } from '../base/errors.ts';
import type { FaultCode } from '../contract/station.ts';
import type { Failure } from './protocol.ts';

/** A failure as it crosses threads: SQLite's extended code, errno name, our own code, or `internal`. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) };
  const code = (error as { code?: unknown }).code;
  return { code: typeof code === 'string' ? code : 'internal', message: error.message };
}

/**
 * SQLite says `SQLITE_CANTOPEN` and no more of a file that it may not create. When the folder tells why (`EROFS`,
 * `EACCES`), that is the better answer.
 */
export function explained(failure: Failure, folder: string): Failure {
  if (!failure.code.startsWith('SQLITE_CANTOPEN')) return failure;
  try {
    accessSync(folder, constants.W_OK);
    return failure;
  } catch (error) {
    return failureOf(error);
  }
}

/** True when the file itself is at fault: it is no database, or its inside contradicts itself. */
export function isDamage(failure: Failure): boolean {
  return (
    failure.code.startsWith('SQLITE_CORRUPT') ||
    failure.code === 'SQLITE_NOTADB' ||
    failure.code === 'store.foreign_file'
  );
}

export function faultCodeOf(failure: Failure): FaultCode {
  const { code } = failure;
  if (isDamage(failure)) return 'corrupt';
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return 'disk_full';
  if (code === 'SQLITE_IOERR_SHMSIZE') return 'disk_full'; // the only reason SQLite gives for it
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS' || code === 'EACCES') return 'read_only';
  return 'io';
}

/** One paragraph for the operator: what happened, why, what to do. */
export function faultMessage(code: FaultCode, folder: string, failure: Failure): string {
  const why = `${failure.message} (${failure.code})`;
  switch (code) {
    case 'disk_full':
      return (
        `Recording has stopped: the disk that holds ${folder} is full. Values stay live and wait in memory. ` +
        `Free some space on that disk; recording resumes by itself.`
      );
    case 'read_only':
      return (
        `Recording has stopped: ${folder} cannot be written to, ${why}. Values stay live and wait in memory. ` +
        `Make the folder or its disk writable; recording resumes by itself.`
      );
    case 'corrupt':
      return (
        `The record in ${folder} is damaged: ${why}. Recording goes on in the same file. ` +
        `Restart the station when it suits: the damaged file is then set aside, not deleted, and a new one started.`
      );
    case 'backlog':
      return (
        `More readings come than the disk that holds ${folder} can take. New QoS 0 readings are given up and ` +
        `acknowledged messages are refused until it has caught up. Use a faster disk, or send less.`
      );
    case 'io':
      return (
        `Recording has stopped: the disk that holds ${folder} reports an error, ${why}. Values stay live and wait ` +
        `in memory. Check the disk and its cable or network; recording is tried again by itself.`
      );
  }
}

export function newerVersion(file: string, found: number, known: number): CodedError {
  return new CodedError(
    'store.newer_version',
    `${file} was written by a newer Fieldstation (record version ${found}, this one knows ${known}). ` +
      `It was left as it is. Install the newer Fieldstation, or choose another data folder with --data.`,
    { detail: { file, found, known } },
  );
}
