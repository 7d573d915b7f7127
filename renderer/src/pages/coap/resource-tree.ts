import type { CoapResource } from '../../../../core/contract/coap.ts';

/** One line of the tree: a level of a path, with or without a resource of its own. */
export interface ResourceNode {
  /** `/sensors/temp`, with its query if it has one; what identifies it within one server. */
  path: string;
  /** The last level alone: `temp`. */
  level: string;
  depth: number;
  resource: CoapResource | null;
  children: ResourceNode[];
}

/** Groups resources by the levels of their paths, sorted as people count: `s2` before `s10`. */
export function buildTree(resources: readonly CoapResource[]): ResourceNode[] {
  const root: ResourceNode = { path: '', level: '', depth: -1, resource: null, children: [] };
  const byPath = new Map<string, ResourceNode>([['', root]]);
  for (const resource of resources) {
    const [, query = ''] = /(\?.*)$/.exec(resource.uri) ?? [];
    const levels = resource.path.split('/').slice(1);
    levels.push(`${levels.pop() ?? ''}${query}`);
    let node = root;
    let path = '';
    for (const level of levels) {
      path += `/${level}`;
      node = byPath.get(path) ?? addChild(node, path, level, byPath);
    }
    node.resource = resource;
  }
  sort(root);
  return root.children;
}

function addChild(
  parent: ResourceNode,
  path: string,
  level: string,
  byPath: Map<string, ResourceNode>,
): ResourceNode {
  const node = { path, level, depth: parent.depth + 1, resource: null, children: [] };
  parent.children.push(node);
  byPath.set(path, node);
  return node;
}

const collator = new Intl.Collator('en', { numeric: true });

function sort(node: ResourceNode): void {
  node.children.sort((a, b) => collator.compare(a.level, b.level));
  node.children.forEach(sort);
}

/** The lines that are on the screen: everything whose levels above are not closed. */
export function visibleNodes(nodes: readonly ResourceNode[], closed: ReadonlySet<string>): ResourceNode[] {
  return nodes.flatMap((node) => [
    node,
    ...(closed.has(node.path) ? [] : visibleNodes(node.children, closed)),
  ]);
}

/** Resources whose path, title, type or interface contains the text. */
export function matching(resources: readonly CoapResource[], search: string): CoapResource[] {
  const wanted = search.trim().toLowerCase();
  if (wanted === '') return [...resources];
  return resources.filter(({ path, attributes }) =>
    [path, attributes['title'], attributes['rt'], attributes['if']].some((text) =>
      text?.toLowerCase().includes(wanted),
    ),
  );
}

/** Resources that left and came, in one list by URI. */
export function applyDelta(
  resources: readonly CoapResource[],
  delta: { upsert: readonly CoapResource[]; removed: readonly string[] },
): CoapResource[] {
  const byUri = new Map(resources.map((resource) => [resource.uri, resource]));
  for (const uri of delta.removed) byUri.delete(uri);
  for (const resource of delta.upsert) byUri.set(resource.uri, resource);
  return [...byUri.values()];
}
