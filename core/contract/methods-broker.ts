/** What a screen may ask of the broker: its clients, its retained store, its listeners and who may use it. */
import * as v from 'valibot';
import { clientId, publishInput, savedPublishInput, topicName } from './broker.ts';
import type { ClientDetail, ClientRow, SavedPublish, TopicSubscriber } from './broker.ts';
import { method } from './define.ts';
import { boundedList } from './lists.ts';
import {
  certificateId,
  changedListener,
  importInput,
  issueInput,
  listenerId,
  newListener,
} from './listeners.ts';
import type { CertificateRow, IssuedDevice, MqttListenerStatus } from './listeners.ts';
import type { RetainedJob, RetainedMessageView, RetainedPage } from './retained.ts';
import { accessTestInput, roleInput, roleName, userInput, userName } from './security.ts';
import type { AccessTest, RoleRow, SecuritySnapshot, UserRow } from './security.ts';

const number = v.pipe(v.number(), v.integer(), v.minValue(0));
const none = v.object({});

export const brokerMethods = {
  'broker.clients': method<{ clients: ClientRow[] }>()('view', none),
  /** @throws `broker.unknown_client` */
  'broker.client': method<ClientDetail>()('view', v.object({ clientId })),
  /** Closes its connection (v5: DISCONNECT 0x98 with the reason). @throws `broker.unknown_client`, `broker.not_connected` */
  'broker.disconnect': method<{ disconnected: true }>()(
    'operate',
    v.object({ clientId, reason: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(200)), '') }),
  ),
  /** Disconnects it and forgets its session with all that waits in it. @throws `broker.unknown_client` */
  'broker.removeSession': method<{ removed: true }>()('admin', v.object({ clientId })),
  'broker.subscribers': method<{ subscribers: TopicSubscriber[]; total: number }>()(
    'view',
    v.object({ topic: topicName }),
  ),
  /** `receivers`: subscriptions it went to. @throws `mqtt.topic_name`, `mqtt.*`, `broker.not_taken` */
  'broker.publish': method<{ receivers: number }>()('operate', publishInput),
  /** Values of `$SYS`, sorted by topic. */
  'broker.sys': method<{ values: { topic: string; value: string }[] }>()('view', none),

  'publishes.list': method<{ publishes: SavedPublish[] }>()('view', none),
  /** Adds one, or changes the one with this id. At most 500. @throws `publishes.unknown`, `publishes.too_many` */
  'publishes.save': method<SavedPublish>()('operate', savedPublishInput),
  'publishes.remove': method<{ removed: true }>()(
    'operate',
    v.object({ id: v.pipe(v.string(), v.maxLength(64)) }),
  ),

  /** Sorted by topic. */
  'retained.list': method<RetainedPage>()(
    'view',
    v.object({
      search: v.optional(v.pipe(v.string(), v.maxLength(256)), ''),
      after: v.optional(v.pipe(v.string(), v.maxLength(65_535)), ''),
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)), 200),
    }),
  ),
  /** @throws `retained.unknown` */
  'retained.get': method<RetainedMessageView>()('view', v.object({ topic: topicName })),
  /** Clears these topics into one line of the trash. */
  'retained.clear': method<RetainedJob>()('operate', v.object({ topics: boundedList(topicName, 1, 10_000) })),
  /** Clears the topic and everything below it; progress comes with the subscription `retained`. */
  'retained.clearBelow': method<RetainedJob>()(
    'operate',
    v.object({ topic: v.pipe(v.string(), v.maxLength(65_535)) }),
  ),
  /** Publishes everything of a line of the trash again, where nothing newer is. @throws `retained.no_such_trash` */
  'retained.restore': method<RetainedJob>()('operate', v.object({ trash: number })),
  'retained.cancel': method<RetainedJob>()('operate', v.object({ job: number })),
  'retained.emptyTrash': method<{ messages: number }>()('admin', none),

  'listeners.list': method<{ listeners: MqttListenerStatus[] }>()('view', none),
  /** @throws `listeners.needs_users` (open, no users, not anonymous), `listeners.needs_certificate`, `listeners.bad_address` */
  'listeners.add': method<MqttListenerStatus>()('admin', newListener),
  /** Its connections are closed when anything but its name or limits changes. @throws `listeners.unknown`, `listeners.fixed`, as above */
  'listeners.change': method<MqttListenerStatus>()('admin', changedListener),
  'listeners.remove': method<{ removed: true }>()('admin', v.object({ id: listenerId })),
  'listeners.start': method<MqttListenerStatus>()('admin', v.object({ id: listenerId })),
  'listeners.stop': method<MqttListenerStatus>()('admin', v.object({ id: listenerId })),

  'certificates.list': method<{ certificates: CertificateRow[] }>()('view', none),
  /** Makes the station's own authority when there is none. */
  'certificates.makeAuthority': method<CertificateRow>()(
    'admin',
    v.object({ name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)) }),
  ),
  /** @throws `certificates.no_authority`, `certificates.bad_host` */
  'certificates.issueServer': method<CertificateRow>()('admin', issueInput),
  /** The key is in the answer and nowhere else. */
  'certificates.issueDevice': method<IssuedDevice>()('admin', issueInput),
  /** @throws `certificates.unreadable`, `certificates.key_mismatch`, `certificates.expired` */
  'certificates.import': method<CertificateRow>()('admin', importInput),
  /** @throws `certificates.in_use` */
  'certificates.remove': method<{ removed: true }>()('admin', v.object({ id: certificateId })),
  /** The certificate (never its key) as PEM. */
  'certificates.export': method<{ pem: string }>()('view', v.object({ id: certificateId })),

  'security.list': method<SecuritySnapshot>()('admin', none),
  /** Adds or changes a user. @throws `security.unknown_role`, `security.too_many`, `security.bad_name`, `security.bad_password` */
  'security.putUser': method<UserRow>()('admin', userInput),
  /** Its connections are closed. @throws `security.unknown_user` */
  'security.removeUser': method<{ removed: true }>()('admin', v.object({ name: userName })),
  /** @throws `security.bad_filter`, `security.too_many` */
  'security.putRole': method<RoleRow>()('admin', roleInput),
  /** @throws `security.role_in_use`, `security.unknown_role` */
  'security.removeRole': method<{ removed: true }>()('admin', v.object({ name: roleName })),
  /** @throws `security.unknown_role` */
  'security.setAnonymousRole': method<SecuritySnapshot>()('admin', v.object({ role: v.nullable(roleName) })),
  'security.test': method<AccessTest>()('admin', accessTestInput),
} as const;
