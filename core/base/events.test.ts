import { describe, expect, it } from 'vitest';
import { Signal } from './events.ts';

describe('Signal', () => {
  it('calls listeners in order until they are removed', () => {
    const signal = new Signal<number>();
    const seen: string[] = [];
    const removeA = signal.on((value) => seen.push(`a${value}`));
    signal.on((value) => seen.push(`b${value}`));
    signal.emit(1);
    removeA();
    removeA();
    signal.emit(2);
    expect(seen).toEqual(['a1', 'b1', 'b2']);
    expect(signal.size).toBe(1);
  });

  it('runs the other listeners when one throws', () => {
    const errors: unknown[] = [];
    const signal = new Signal<void>((error) => errors.push(error));
    let reached = false;
    signal.on(() => {
      throw new Error('boom');
    });
    signal.on(() => (reached = true));
    signal.emit();
    expect(reached).toBe(true);
    expect(errors).toHaveLength(1);
  });

  it('a listener removed during an emit still sees that emit, not the next', () => {
    const signal = new Signal<number>();
    const seen: number[] = [];
    let remove = () => {};
    signal.on(() => remove());
    remove = signal.on((value) => seen.push(value));
    signal.emit(1);
    signal.emit(2);
    expect(seen).toEqual([1]);
  });
});
