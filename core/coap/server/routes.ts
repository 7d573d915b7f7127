import type { ParsedLink } from '../links/link-format.ts';
import type { Resource } from './resource.ts';

/**
 * Segments as one text, by which resources and observers are looked up. Only a segment that has a slash itself
 * (`%2F` in a URI) is written otherwise.
 */
export function pathKey(segments: readonly string[]): string {
  for (const segment of segments) {
    if (segment.includes('/') || segment.includes('%')) {
      return segments.map((one) => one.replaceAll('%', '%25').replaceAll('/', '%2F')).join('/');
    }
  }
  return segments.join('/');
}

/** Resources by path; the longest path that takes a subtree wins where none is exact. */
export class Routes {
  readonly #exact = new Map<string, Resource>();
  readonly #subtrees = new Map<string, Resource>();

  /** Throws when the path is taken. The remover may be called again. */
  add(path: string, resource: Resource, subtree: boolean): () => void {
    if (this.#exact.has(path)) throw new Error(`the CoAP path "${path}" is taken`);
    this.#exact.set(path, resource);
    if (subtree) this.#subtrees.set(path, resource);
    return () => {
      if (this.#exact.get(path) !== resource) return;
      this.#exact.delete(path);
      this.#subtrees.delete(path);
    };
  }

  find(segments: readonly string[]): Resource | undefined {
    const key = pathKey(segments);
    const exact = this.#exact.get(key);
    if (exact !== undefined || this.#subtrees.size === 0) return exact;
    for (let end = key.lastIndexOf('/'); end >= 0; end = key.lastIndexOf('/', end - 1)) {
      const subtree = this.#subtrees.get(key.slice(0, end));
      if (subtree !== undefined) return subtree;
      if (end === 0) break;
    }
    return this.#subtrees.get('');
  }

  /** What is listed, in the order of adding, at most `limit`. */
  links(limit: number): ParsedLink[] {
    const links: ParsedLink[] = [];
    for (const resource of this.#exact.values()) {
      if (resource.links === undefined) continue;
      for (const link of resource.links()) {
        if (links.length >= limit) return links;
        links.push(link);
      }
    }
    return links;
  }

  clear(): void {
    this.#exact.clear();
    this.#subtrees.clear();
  }
}
