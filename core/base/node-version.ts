/**
 * The first import of every process entry. better-sqlite3 13 crashes without a word under Node 20, so a Node that
 * is too old must be told apart before anything else loads. Electron brings its own Node and passes.
 */
export const REQUIRED_NODE_MAJOR = 24;

/** One line that says which Node is needed and how to get it, or undefined when `version` will do. */
export function nodeVersionProblem(version: string): string | undefined {
  const major = Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
  if (major >= REQUIRED_NODE_MAJOR) return undefined;
  return (
    `Fieldstation needs Node ${REQUIRED_NODE_MAJOR} or newer and this is ${version}. ` +
    'Run it through npm (npm start, npm run station), which uses the Node that npm ci installed.'
  );
}

const problem = nodeVersionProblem(process.version);
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exit(1);
}
