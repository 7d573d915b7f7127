import type { Protocol } from '../../../core/contract/devices.ts';

export const PROTOCOL_NAMES: Record<Protocol, string> = { mqtt: 'MQTT', coap: 'CoAP', lwm2m: 'LwM2M' };
