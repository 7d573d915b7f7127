/** Which form was chosen by hand for which topic. Kept in this browser, the newest 500. */
import { FORMS } from './forms.ts';
import type { Form } from './forms.ts';

const KEY = 'fieldstation.payload-forms';
const MOST = 500;

export function rememberedForm(subject: string): Form | null {
  return read().find(([name]) => name === subject)?.[1] ?? null;
}

/** Null forgets: the form is found anew for each payload. */
export function rememberForm(subject: string, form: Form | null): void {
  const kept = read().filter(([name]) => name !== subject);
  if (form !== null) kept.unshift([subject, form]);
  try {
    localStorage.setItem(KEY, JSON.stringify(kept.slice(0, MOST)));
  } catch {
    // A browser that keeps nothing shows each payload in its best form again.
  }
}

function read(): [string, Form][] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    if (!Array.isArray(list)) return [];
    return list.filter(
      (one): one is [string, Form] =>
        Array.isArray(one) && typeof one[0] === 'string' && FORMS.includes(one[1] as Form),
    );
  } catch {
    return [];
  }
}
