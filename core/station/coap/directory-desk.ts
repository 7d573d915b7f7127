import { CodedError, messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { Unsubscribe } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import type { Directory } from '../../coap/directory/directory.ts';
import { registrationAttribute, registrationLinks } from '../../coap/directory/registration.ts';
import type { Registration } from '../../coap/directory/registration.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import type { CoapDirectory, CoapRegistration } from '../../contract/coap-discovery.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { CoapRegistrationRecord } from '../../store/types.ts';
import type { CoapDesk } from './desk.ts';
import { foundDevice, knownDevice } from './found-device.ts';
import { linkView } from './views.ts';

/** The resource directory as a person sees it; what registers there becomes a device, and is kept in the record. */
export class DirectoryDesk {
  readonly changed = new Signal<void>();
  readonly #parts: {
    directory: Directory;
    desk: Pick<CoapDesk, 'told'>;
    registry: Pick<DeviceRegistry, 'deviceCount' | 'deviceId' | 'findDevice' | 'introduce'>;
    store: { putRegistration(record: CoapRegistrationRecord): void };
    log: Log;
  };
  readonly #unsubscribe: Unsubscribe;

  constructor(parts: {
    directory: Directory;
    desk: Pick<CoapDesk, 'told'>;
    registry: Pick<DeviceRegistry, 'deviceCount' | 'deviceId' | 'findDevice' | 'introduce'>;
    store: { putRegistration(record: CoapRegistrationRecord): void };
    log: Log;
  }) {
    this.#parts = parts;
    this.#unsubscribe = parts.directory.changed.on(({ location, how, visible }) => {
      const registration = parts.directory.get(location);
      const kept = registration === undefined ? null : JSON.stringify(registration);
      parts.store.putRegistration({ location, registration: kept });
      if (registration !== undefined && (visible || how === 'registered')) this.#known(registration);
      this.changed.emit();
    });
  }

  /** Takes in what the record knew; what expired meanwhile is forgotten there too. */
  load(records: readonly CoapRegistrationRecord[]): void {
    const { directory, store, log } = this.#parts;
    const kept: Registration[] = [];
    for (const { location, registration } of records) {
      try {
        if (registration !== null) kept.push(JSON.parse(registration) as Registration);
      } catch (error) {
        log.warn('a registration of the record cannot be read', { location, error: messageOf(error) });
      }
    }
    directory.load(kept);
    for (const { location } of records) {
      if (directory.get(location) === undefined) store.putRegistration({ location, registration: null });
    }
  }

  view(): CoapDirectory {
    const { directory } = this.#parts;
    const { refusedFull, refusedTooLarge, refusedForeign, refusedBad } = directory.counters;
    return {
      registrations: directory.list().map((one) => this.#row(one)),
      refused: refusedFull + refusedTooLarge + refusedForeign + refusedBad,
    };
  }

  /** @throws CodedError `coap.unknown_registration` */
  remove(location: string): void {
    if (this.#parts.directory.remove(location)) return;
    throw new CodedError('coap.unknown_registration', 'This registration is gone already.');
  }

  stop(): void {
    this.#unsubscribe();
    this.changed.clear();
  }

  #row(registration: Registration): CoapRegistration {
    const { location, endpoint, sector, base, lifetimeSeconds, registeredMs, updatedMs, expiresMs, from } =
      registration;
    return {
      ...{ location, endpoint, sector, base, lifetimeSeconds, registeredMs, updatedMs, expiresMs, from },
      endpointType: registrationAttribute(registration, 'et'),
      links: registrationLinks(registration).map(linkView),
      deviceId: knownDevice(this.#parts.registry, base),
    };
  }

  #known(registration: Registration): void {
    const { registry, desk } = this.#parts;
    const { base, endpoint, owner } = registration;
    const id = foundDevice(registry, base);
    if (id === null) return;
    const { authority, host } = parseCoapUri(base);
    // Who registers others may be right, but names only itself.
    if (host === owner.address) registry.introduce(id, endpoint);
    desk.told(authority, registrationLinks(registration));
  }
}
