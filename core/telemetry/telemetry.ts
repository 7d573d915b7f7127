import { GrowingColumns } from './columns.ts';
import { isPlausibleTime, msOfTimeNumber, msOfTimeText } from './device-time.ts';
import { JsonWalker } from './json-walker.ts';
import { KeyNode } from './key-tree.ts';
import { TELEMETRY_LIMITS } from './limits.ts';
import type { TelemetryLimits } from './limits.ts';
import { cleanName, coapSource, mqttSource } from './naming.ts';
import { NumberScanner } from './number-text.ts';
import { jsonOf, saysNotFinite, skipBlanks, startOfText, textAt, unitAt } from './payload-text.ts';
import { PlanCache } from './plan.ts';
import type { KeyShape, Plan, ShapePlan } from './plan.ts';
import { looksLikeSenml, msOfSenmlTime, readSenml } from './senml.ts';
import type { SenmlPack } from './senml.ts';
import { SeriesFinder } from './series-finder.ts';
import type { DecodeOutcome, RawReason, ReadingColumns, SeriesCatalog } from './types.ts';
import { cutUnit, unitForQuantity, unitOfText } from './units.ts';

/** All since the station started. */
export interface TelemetryCounters {
  payloads: number;
  readings: number;
  /** Payloads without readings, by reason. */
  raw: Record<RawReason, number>;
  /** Values left out of payloads. */
  leftOut: number;
  /** Readings that got the time of receipt because the device's time was refused. */
  clockRefused: number;
}

/** CoAP Content-Formats (RFC 7252 §12.3, RFC 8428 §12.3) that are looked into. */
const FORMAT_TEXT = 0;
const FORMAT_JSON = 50;
const FORMAT_SENML_JSON = 110;

const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
/** A plan whose payloads had this many different keys starts anew: keys of that kind do not come again. */
const MAX_PLAN_KEYS = 1_024;
const MAX_PLAN_SHAPES = 8;
/** From this size on a `t` is a time and no temperature. */
const SMALLEST_TIME = 1e8;
const MAX_PLAN_PACKS = 8;
const LONGEST_PACK_SHAPE = 4_096;

/**
 * From payloads to readings (rules: docs/readings.md). Readings are appended to `columns` until `clear()`. Never
 * throws, whatever the bytes; keeps no reference to a payload.
 */
export class Telemetry {
  readonly counters: TelemetryCounters = newCounters();
  readonly #limits: TelemetryLimits;
  readonly #finder: SeriesFinder;
  readonly #columns = new GrowingColumns();
  readonly #numbers = new NumberScanner();
  readonly #json: JsonWalker;
  readonly #topics: PlanCache;
  readonly #resources: PlanCache;
  readonly #outcome: DecodeOutcome = newOutcome();

  constructor(parts: { catalog: SeriesCatalog } & Partial<TelemetryLimits>) {
    const { catalog, ...limits } = parts;
    this.#limits = { ...TELEMETRY_LIMITS, ...limits };
    this.#finder = new SeriesFinder(catalog, this.#limits.maxSeriesNameLength);
    this.#json = new JsonWalker(this.#limits);
    this.#topics = new PlanCache(this.#limits);
    this.#resources = new PlanCache(this.#limits);
  }

  get columns(): ReadingColumns {
    return this.#columns;
  }

  /** Topics and resources whose way is remembered: bounded, for the station's own view of its memory. */
  get plannedTopics(): number {
    return this.#topics.size + this.#resources.size;
  }

  /** JSON keys remembered over all of them. */
  get plannedKeys(): number {
    return this.#topics.keys + this.#resources.keys;
  }

  /** Forgets the readings in `columns`; the arrays stay. */
  clear(): void {
    this.#columns.length = 0;
  }

  ingestMqtt(topic: string, payload: Uint8Array, receivedMs: number): DecodeOutcome {
    this.#begin();
    const plan = this.#topics.get(topic) ?? this.#newTopicPlan(topic);
    if (typeof plan === 'string') return this.#finish(plan);
    return this.#finish(this.#decode(plan, payload, receivedMs), plan);
  }

  /** @param contentFormat CoAP Content-Format number, null when the representation had none */
  ingestCoap(
    authority: string,
    path: string,
    contentFormat: number | null,
    payload: Uint8Array,
    receivedMs: number,
  ): DecodeOutcome {
    this.#begin();
    if (authority.length + path.length > this.#limits.maxTopicBytes) return this.#finish('topic_too_long');
    const key = `${authority}\n${path}`;
    const plan = this.#resources.get(key) ?? this.#resources.add(key, coapSource(authority, path));
    if (contentFormat === FORMAT_SENML_JSON) {
      return this.#finish(this.#decodeSaidSenml(plan, payload, receivedMs), plan);
    }
    const readable = contentFormat === null || contentFormat === FORMAT_TEXT || contentFormat === FORMAT_JSON;
    if (!readable) return this.#finish(payload.length === 0 ? 'empty' : 'not_numeric', plan);
    return this.#finish(this.#decode(plan, payload, receivedMs), plan);
  }

  /** Series that this payload feeds, each once. Nothing is counted or appended. */
  seriesOfMqtt(topic: string, payload: Uint8Array): number[] {
    const { raw, ...sums } = structuredClone(this.counters);
    const length = this.#columns.length;
    const { count } = this.ingestMqtt(topic, payload, 0);
    const found = new Set(this.#columns.series.subarray(length, length + count));
    this.#columns.length = length;
    Object.assign(this.counters, sums);
    Object.assign(this.counters.raw, raw);
    return [...found];
  }

  #begin(): void {
    const outcome = this.#outcome;
    outcome.deviceId = null;
    outcome.first = this.#columns.length;
    outcome.count = 0;
    outcome.rawReason = null;
    outcome.leftOut = 0;
    outcome.clockRefused = 0;
  }

  #finish(problem: RawReason | null, plan?: Plan): DecodeOutcome {
    const outcome = this.#outcome;
    const { counters } = this;
    outcome.count = this.#columns.length - outcome.first;
    outcome.rawReason = outcome.count > 0 ? null : (problem ?? 'not_numeric');
    outcome.deviceId = plan?.deviceId ?? null;
    counters.payloads++;
    counters.readings += outcome.count;
    counters.leftOut += outcome.leftOut;
    counters.clockRefused += outcome.clockRefused;
    if (outcome.rawReason !== null) counters.raw[outcome.rawReason]++;
    return outcome;
  }

  #newTopicPlan(topic: string): Plan | RawReason {
    if (topic.length > this.#limits.maxTopicBytes) return 'topic_too_long';
    if (Buffer.byteLength(topic) > this.#limits.maxTopicBytes) return 'topic_too_long';
    // `coap://` in front would make an MQTT client speak for a CoAP server.
    if (topic.startsWith('$') || /^coaps?:\/\//i.test(topic)) return 'reserved_topic';
    return this.#topics.add(topic, mqttSource(topic));
  }

  #decode(plan: Plan, payload: Uint8Array, receivedMs: number): RawReason | null {
    if (payload.length > this.#limits.maxPayloadBytes) return 'too_large';
    const start = startOfText(payload);
    if (start === payload.length) return 'empty';
    if (payload[start] === OPEN_OBJECT) return this.#decodeKeys(plan, payload, start, receivedMs);
    if (payload[start] === OPEN_ARRAY) return this.#decodeArray(plan, payload, start, receivedMs);
    return this.#decodeNumber(plan, payload, start, receivedMs);
  }

  #decodeNumber(plan: Plan, payload: Uint8Array, start: number, receivedMs: number): RawReason | null {
    const value = this.#numbers.scan(payload, start, payload.length, false);
    const numberEnd = this.#numbers.end;
    if (numberEnd === -1) return saysNotFinite(payload, start) ? 'not_finite' : 'not_numeric';
    const unitStart = skipBlanks(payload, numberEnd);
    if (!Number.isFinite(value)) return 'not_finite';
    let target: ShapePlan;
    if (unitStart === payload.length) {
      target = plan.value ??= this.#finder.valueSeries(plan.source, '');
    } else {
      const unit = unitAt(payload, unitStart);
      if (unit === undefined) return 'not_numeric';
      target = this.#valueWithUnit(plan, unitForQuantity(unit, plan.source.valueQuantity));
    }
    if (!this.#append(target.series[0]!, receivedMs, value)) return 'series_limit';
    plan.deviceId = target.deviceId;
    return null;
  }

  #valueWithUnit(plan: Plan, unit: string): ShapePlan {
    plan.valueByUnit ??= new Map();
    let target = plan.valueByUnit.get(unit);
    if (target === undefined) {
      target = this.#finder.valueSeries(plan.source, unit);
      plan.valueByUnit.set(unit, target);
    }
    return target;
  }

  #decodeArray(plan: Plan, payload: Uint8Array, start: number, receivedMs: number): RawReason | null {
    if (payload[skipBlanks(payload, start + 1)] === OPEN_OBJECT) {
      const json = jsonOf(payload);
      if (looksLikeSenml(json)) return this.#decodePack(plan, json, receivedMs);
    }
    return this.#decodeKeys(plan, payload, start, receivedMs);
  }

  #decodeSaidSenml(plan: Plan, payload: Uint8Array, receivedMs: number): RawReason | null {
    if (payload.length > this.#limits.maxPayloadBytes) return 'too_large';
    if (payload.length === 0) return 'empty';
    return this.#decodePack(plan, jsonOf(payload), receivedMs);
  }

  #decodePack(plan: Plan, json: unknown, receivedMs: number): RawReason | null {
    const pack = readSenml(json, this.#limits.maxValues);
    if (pack === null) return 'malformed_senml';
    this.#outcome.leftOut += pack.leftOut;
    if (pack.values.length === 0) {
      if (pack.longNames > 0) return 'series_limit';
      return pack.notFinite > 0 ? 'not_finite' : 'not_numeric';
    }
    const target = this.#packPlan(plan, pack);
    const first = this.#columns.length;
    for (let row = 0; row < pack.values.length; row++) {
      const ms = msOfSenmlTime(pack.tSeconds[row]!, receivedMs);
      const refused = ms !== receivedMs && !isPlausibleTime(ms, receivedMs, this.#limits);
      const appended = this.#append(target.series[row]!, refused ? receivedMs : ms, pack.values[row]!);
      if (appended && refused) this.#outcome.clockRefused++;
    }
    if (this.#columns.length === first) return 'series_limit';
    plan.deviceId = target.deviceId;
    return null;
  }

  #packPlan(plan: Plan, pack: SenmlPack): ShapePlan {
    const shape = `${pack.names.join('\n')}\n\n${pack.units.join('\n')}`;
    const known = plan.packs?.get(shape);
    if (known !== undefined) return known;
    const target = this.#finder.packSeries(plan.source, pack);
    // Names that change with every pack are no shape to remember, nor are very long ones.
    if (plan.packs === undefined || plan.packs.size === MAX_PLAN_PACKS) plan.packs = new Map();
    if (shape.length <= LONGEST_PACK_SHAPE) plan.packs.set(shape, target);
    return target;
  }

  #decodeKeys(plan: Plan, payload: Uint8Array, start: number, receivedMs: number): RawReason | null {
    const json = this.#json;
    if (plan.keys === undefined || plan.keyCount > MAX_PLAN_KEYS) {
      plan.home.grown(-plan.keyCount);
      plan.keys = KeyNode.root();
      plan.keyCount = 0;
      plan.shapes = [];
    }
    const problem = json.walk(plan.keys, payload, start);
    if (json.newKeys > 0) {
      plan.keyCount += json.newKeys;
      plan.home.grown(json.newKeys);
    }
    if (problem !== null) return problem;
    const deviceMs = this.#timeOfKeys(payload);
    this.#outcome.leftOut += json.leftOut;
    if (json.count === 0) {
      if (json.notFinite > 0) return 'not_finite';
      return json.leftOut > 0 ? 'series_limit' : 'not_numeric';
    }
    const target = this.#shape(plan, payload);
    const refused = deviceMs !== undefined && !isPlausibleTime(deviceMs, receivedMs, this.#limits);
    const t = refused ? receivedMs : (deviceMs ?? receivedMs);
    const first = this.#columns.length;
    for (let row = 0; row < json.count; row++) this.#append(target.series[row]!, t, json.values[row]!);
    const appended = this.#columns.length - first;
    if (appended === 0) return 'series_limit';
    if (refused) this.#outcome.clockRefused += appended;
    plan.deviceId = target.deviceId;
    return null;
  }

  /** The time that the payload gives itself: ms, NaN when it cannot be read, undefined when there is none. */
  #timeOfKeys(payload: Uint8Array): number | undefined {
    const json = this.#json;
    if (!Number.isNaN(json.timeNumber)) return msOfTimeNumber(json.timeNumber);
    if (json.timeTextStart >= 0) return msOfTimeText(textAt(payload, json.timeTextStart, json.timeTextEnd));
    for (let row = 0; row < json.count; row++) {
      if (json.leaves[row]!.role !== 'maybe_time' || json.values[row]! < SMALLEST_TIME) continue;
      return msOfTimeNumber(json.removeRow(row));
    }
    return undefined;
  }

  /** The plan for a payload with the keys that the walker just found. */
  #shape(plan: Plan, payload: Uint8Array): KeyShape {
    const json = this.#json;
    const unitText =
      json.unitTextStart < 0 ? null : cutUnit(textAt(payload, json.unitTextStart, json.unitTextEnd));
    const { shapes } = plan;
    for (let index = 0; index < shapes.length; index++) {
      const shape = shapes[index]!;
      if (shape.unitText !== unitText || !json.hasLeaves(shape.leaves)) continue;
      if (index > 0) {
        shapes.splice(index, 1);
        shapes.unshift(shape);
      }
      return shape;
    }
    const leaves = json.leaves.slice(0, json.count) as KeyNode[];
    const unit = unitText === null ? '' : (unitOfText(unitText) ?? cleanName(unitText));
    const shape = { leaves, unitText, ...this.#finder.keySeries(plan.source, leaves, unit) };
    if (shapes.length === MAX_PLAN_SHAPES) shapes.pop();
    shapes.unshift(shape);
    return shape;
  }

  #append(series: number, t: number, value: number): boolean {
    if (series < 0) {
      this.#outcome.leftOut++;
      return false;
    }
    this.#columns.push(series, t, value);
    return true;
  }
}

function newOutcome(): DecodeOutcome {
  return { deviceId: null, first: 0, count: 0, rawReason: null, leftOut: 0, clockRefused: 0 };
}

function newCounters(): TelemetryCounters {
  const raw: Record<RawReason, number> = {
    empty: 0,
    not_numeric: 0,
    not_finite: 0,
    too_large: 0,
    too_deep: 0,
    malformed_json: 0,
    malformed_senml: 0,
    topic_too_long: 0,
    reserved_topic: 0,
    series_limit: 0,
  };
  return { payloads: 0, readings: 0, raw, leftOut: 0, clockRefused: 0 };
}
