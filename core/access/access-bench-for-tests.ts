/** An `MqttAccess` on a folder of its own, and the questions of a broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../base/log.ts';
import { ManualClock } from '../base/manual-clock.ts';
import type { HasherLimits } from './password.ts';
import { MqttAccess } from './mqtt-access.ts';
import type { SignInRequest, Verdict } from './sign-in-types.ts';

export const PASSWORD = 'correct horse';

interface Asked {
  username?: string | null;
  password?: string | Uint8Array | null;
  clientId?: string;
  address?: string;
  anonymous?: boolean;
  certificateUser?: 'none' | 'common-name';
  commonName?: string;
}

export class AccessBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'fieldstation-users-'));
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly log = createLog('access', (line) => this.lines.push(line), 'debug');
  access = this.open();

  get file(): string {
    return join(this.folder, 'access.json');
  }

  open(hasherLimits: Partial<HasherLimits> = {}): MqttAccess {
    return MqttAccess.open(this.folder, { clock: this.clock, log: this.log, hasherLimits });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A request as the broker makes one. */
  request(asked: Asked = {}): SignInRequest {
    const { username = null, password = null, commonName } = asked;
    return {
      clientId: asked.clientId ?? 'client-1',
      username,
      password: typeof password === 'string' ? Buffer.from(password) : password,
      address: asked.address ?? '192.0.2.1:50000',
      origin: {
        profile: {
          anonymous: asked.anonymous ?? false,
          certificateUser: asked.certificateUser ?? 'common-name',
        },
        certificate: commonName === undefined ? null : { commonName },
      },
    };
  }

  /** `name`, `anonymous`, or the reason code. */
  async signIn(asked: Asked = {}): Promise<string> {
    return spoken(await this.access.authenticate(this.request(asked)));
  }
}

export function spoken(verdict: Verdict): string {
  if ('reasonCode' in verdict) return `0x${verdict.reasonCode.toString(16)}`;
  return verdict.username ?? 'anonymous';
}
