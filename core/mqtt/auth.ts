import { encodePacket } from './codec/encode.ts';
import type { AuthPacket } from './codec/packet.ts';
import { MalformedPacket } from './codec/malformed.ts';
import { CONTINUE_AUTHENTICATION, RE_AUTHENTICATE, UNSPECIFIED_ERROR } from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import type { Admission, AuthExchange, AuthStep, ConnectRequest, Refusal } from './options.ts';

const NO_DATA = new Uint8Array(0);

/** What is done when an exchange ends. */
export interface AuthEnd {
  done(admission: Admission, data: Uint8Array): void;
  refused(refusal: Refusal): void;
}

/**
 * AUTH between one client and the broker (v5 §4.12): the exchange in front of CONNACK, and later those that the client
 * asks for with 0x19. The method stays that of CONNECT (MQTT-4.12.1-1).
 */
export class AuthConversation {
  readonly method: string;
  readonly request: ConnectRequest;
  readonly #context: BrokerContext;
  readonly #connection: Connection;
  #exchange: AuthExchange | null = null;
  #end: AuthEnd | null = null;

  constructor(context: BrokerContext, connection: Connection, method: string, request: ConnectRequest) {
    this.#context = context;
    this.#connection = connection;
    this.method = method;
    this.request = request;
  }

  /** False when the method is not spoken here. */
  begin(data: Uint8Array | undefined, end: AuthEnd): boolean {
    let exchange: AuthExchange | null;
    try {
      exchange = this.#context.options.beginAuth?.(this.method, this.request) ?? null;
    } catch (error) {
      this.#context.warn('an AUTH exchange could not begin', error);
      end.refused({ reasonCode: UNSPECIFIED_ERROR });
      return true;
    }
    if (exchange === null) return false;
    this.#exchange = exchange;
    this.#end = end;
    this.#step(data);
    return true;
  }

  /** AUTH of the client: the next step, or a new exchange with an answer of its own. */
  receive(packet: AuthPacket, renewed: AuthEnd): void {
    const { authMethod, authData } = packet.properties;
    if (authMethod !== this.method) {
      throw new MalformedPacket('protocol', 'AUTH with another method than CONNECT (MQTT-4.12.0-5).');
    }
    if (packet.reasonCode === CONTINUE_AUTHENTICATION && this.#exchange !== null) this.#step(authData);
    else if (packet.reasonCode === RE_AUTHENTICATE && this.#exchange === null && this.#connection.isOpen)
      this.begin(authData, renewed);
    else throw new MalformedPacket('protocol', 'AUTH where none is expected.');
  }

  /** AUTH of the broker: 0x18, or 0x00 at the end of a re-authentication. */
  send(reasonCode: number, data: Uint8Array): void {
    const properties = { authMethod: this.method, ...(data.length > 0 && { authData: data }) };
    this.#connection.send(encodePacket({ type: 'auth', reasonCode, properties }, 5));
  }

  #step(data: Uint8Array | undefined): void {
    const failed = (error: unknown): void => {
      this.#context.warn('an AUTH exchange failed', error);
      this.#answer({ reasonCode: UNSPECIFIED_ERROR });
    };
    let step: AuthStep | Promise<AuthStep>;
    try {
      step = this.#exchange!.step(data ?? NO_DATA);
    } catch (error) {
      failed(error);
      return;
    }
    if (step instanceof Promise) this.#connection.wait(step, (answer) => this.#answer(answer), failed);
    else this.#answer(step);
  }

  #answer(step: AuthStep): void {
    if ('kind' in step && step.kind === 'continue') {
      this.send(CONTINUE_AUTHENTICATION, step.data);
      return;
    }
    const end = this.#end!;
    this.#exchange = null;
    this.#end = null;
    if ('kind' in step) end.done(step.admission, step.data);
    else end.refused(step);
  }
}
