/**
 * The broker's questions and our answers, in the shapes of core/mqtt/options.ts: that room and this one do not know
 * each other, the station plugs them together.
 */

export interface SignInRequest {
  clientId: string;
  username: string | null;
  password: Uint8Array | null;
  /** `host:port` of the peer. */
  address: string;
  origin: {
    profile: { anonymous: boolean; certificateUser: 'none' | 'common-name' };
    certificate: { commonName: string } | null;
  };
}

export interface Admitted {
  /** null: anonymous. */
  username: string | null;
  limits?: { publishRate: number };
}

export interface Refused {
  /** Of CONNACK in MQTT 5 (v5 §3.2.2.2). */
  reasonCode: number;
  reason?: string;
}

export type Verdict = Admitted | Refused;

export type ScramStep =
  { kind: 'continue'; data: Uint8Array } | { kind: 'done'; data: Uint8Array; admission: Admitted } | Refused;

export interface ScramExchange {
  step(data: Uint8Array): ScramStep;
}

export const ANONYMOUS: Admitted = { username: null };

/** One answer for a wrong password, an unknown user and a user without a password. */
export const WRONG: Refused = { reasonCode: 0x86, reason: 'Wrong user name or password.' };
export const NOT_AUTHORIZED: Refused = { reasonCode: 0x87, reason: 'Not authorized.' };
export const WRONG_CLIENT_ID: Refused = {
  reasonCode: 0x85,
  reason: 'This user may not use this client identifier.',
};
export const BUSY: Refused = { reasonCode: 0x89, reason: 'Too many sign-ins. Try again later.' };
