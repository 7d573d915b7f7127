/**
 * Where a worker's entry file lies: `NAME.ts` beside this file when it runs from source (Node 24 strips the types),
 * `NAME.js` beside the bundle (`dist/host/`) once built.
 */
export function workerUrl(name: string, from: string = import.meta.url): URL {
  const ending = new URL(from).pathname.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${ending}`, from);
}
