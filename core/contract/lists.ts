import * as v from 'valibot';

/** A list whose length is known to be right before any element is looked at: a message may bring millions. */
export function boundedList<const Item extends v.GenericSchema>(item: Item, least: number, most: number) {
  return v.pipe(
    v.custom<v.InferInput<Item>[]>(Array.isArray, 'a list is needed'),
    v.minLength(least),
    v.maxLength(most),
    v.array(item),
  );
}
