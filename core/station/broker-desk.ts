import { CodedError } from '../base/errors.ts';
import { Signal } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import type {
  ClientDetail,
  ClientRow,
  MessageProperties,
  MqttQos,
  TopicSubscriber,
} from '../contract/broker.ts';
import type { Broker } from '../mqtt/broker.ts';
import { ADMINISTRATIVE_ACTION } from '../mqtt/codec/reason-codes.ts';
import { checkTopicName } from '../mqtt/topic.ts';
import { propertiesOf } from './message-properties.ts';

const MAX_SUBSCRIBERS_TOLD = 200;

export interface PublishRequest {
  topic: string;
  payload: string | Uint8Array;
  qos: MqttQos;
  retain: boolean;
  properties: MessageProperties;
}

/** The broker as a person works with it: its clients, and publishing. */
export class BrokerDesk {
  /** A look at the clients may show something new. */
  readonly changed = new Signal<void>();
  readonly #broker: Broker;
  readonly #log: Log;

  constructor(broker: Broker, log: Log) {
    this.#broker = broker;
    this.#log = log;
  }

  clients(): ClientRow[] {
    return this.#broker.clients();
  }

  /** Sessions that changed since `stamp` (0: all of them), and the stamp for the next look. */
  changesSince(stamp: number): { upsert: ClientRow[]; removed: string[]; stamp: number; complete: boolean } {
    return this.#broker.changedClients(stamp);
  }

  /** @throws CodedError `broker.unknown_client` */
  client(clientId: string): ClientDetail {
    const detail = this.#broker.client(clientId);
    if (detail === null) throw unknownClient(clientId);
    const { view: row, ...rest } = detail;
    return { row, ...rest };
  }

  /**
   * The log keeps the reason: below version 5 the client cannot be told it.
   * @throws CodedError `broker.unknown_client`, `broker.not_connected`
   */
  disconnect(clientId: string, reason: string): void {
    const told = reason === '' ? 'disconnected by the operator' : reason;
    if (this.#broker.disconnect(clientId, ADMINISTRATIVE_ACTION, told)) {
      this.#log.info('an operator disconnected a client', { client: clientId, reason });
      this.changed.emit();
      return;
    }
    if (this.#broker.client(clientId) === null) throw unknownClient(clientId);
    throw new CodedError('broker.not_connected', `${clientId} is not connected; only its session is here.`);
  }

  /** @throws CodedError `broker.unknown_client` */
  removeSession(clientId: string): void {
    if (!this.#broker.removeSession(clientId)) throw unknownClient(clientId);
    this.changed.emit();
  }

  subscribers(topic: string): { subscribers: TopicSubscriber[]; total: number } {
    checkTopicName(topic);
    return this.#broker.subscribersOf(topic, MAX_SUBSCRIBERS_TOLD);
  }

  /** Subscriptions that the message went to. @throws CodedError `mqtt.topic_name`, `mqtt.*`, `broker.not_taken` */
  publish({ topic, payload, qos, retain, properties }: PublishRequest): number {
    if (topic.startsWith('$SYS')) {
      throw new CodedError('mqtt.topic_name', 'Topics below $SYS are the station’s own.');
    }
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const { taken, receivers } = this.#broker.publish({
      topic,
      payload: bytes,
      qos,
      retain,
      properties: propertiesOf(properties),
    });
    if (!taken) {
      throw new CodedError(
        'broker.not_taken',
        'The record cannot take messages now, so nothing was published. See the recorder.',
      );
    }
    return receivers;
  }
}

function unknownClient(clientId: string): CodedError {
  return new CodedError(
    'broker.unknown_client',
    `The broker knows no client ${clientId}. It may have left for good.`,
  );
}
