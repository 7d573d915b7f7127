import type { Attachment } from 'svelte/attachments';

/**
 * Sets CSS variables on an element: `{@attach cssVars({ '--depth': 2 })}`. Through the object model, which a strict
 * CSP allows, where a style attribute would be refused.
 */
export function cssVars(vars: Record<`--${string}`, string | number>): Attachment<HTMLElement> {
  return (element) => {
    for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, String(value));
  };
}
