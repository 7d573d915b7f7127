import type * as v from 'valibot';
import type { Role } from './roles.ts';

// The output types exist only for the compiler: nothing at run time validates what the host itself made.
declare const outputType: unique symbol;
declare const snapshotType: unique symbol;
declare const deltaType: unique symbol;

type Schema = v.GenericSchema<unknown, unknown>;

export interface MethodDefinition<S extends Schema = Schema, Output = unknown> {
  readonly role: Role;
  readonly input: S;
  readonly [outputType]?: Output;
}

export interface TopicDefinition<S extends Schema = Schema, Snapshot = unknown, Delta = unknown> {
  readonly role: Role;
  readonly params: S;
  readonly [snapshotType]?: Snapshot;
  readonly [deltaType]?: Delta;
}

/** `method<Output>()(role, inputSchema)`: the output type is named, the input type is inferred. */
export function method<Output>() {
  return <S extends Schema>(role: Role, input: S): MethodDefinition<S, Output> => ({ role, input });
}

/** `topic<Snapshot, Delta>()(role, paramsSchema)`. */
export function topic<Snapshot, Delta>() {
  return <S extends Schema>(role: Role, params: S): TopicDefinition<S, Snapshot, Delta> => ({ role, params });
}

export type InputOf<D> = D extends MethodDefinition<infer S, unknown> ? v.InferInput<S> : never;
export type ParsedInputOf<D> = D extends MethodDefinition<infer S, unknown> ? v.InferOutput<S> : never;
export type OutputOf<D> = D extends MethodDefinition<Schema, infer O> ? O : never;

export type ParamsOf<D> = D extends TopicDefinition<infer S, unknown, unknown> ? v.InferInput<S> : never;
export type ParsedParamsOf<D> =
  D extends TopicDefinition<infer S, unknown, unknown> ? v.InferOutput<S> : never;
export type SnapshotOf<D> = D extends TopicDefinition<Schema, infer S, unknown> ? S : never;
export type DeltaOf<D> = D extends TopicDefinition<Schema, unknown, infer T> ? T : never;
