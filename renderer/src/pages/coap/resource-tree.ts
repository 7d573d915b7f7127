import type { CoapLink, CoapResource } from '../../../../core/contract/coap.ts';
import { authorityOf } from './coap-address.ts';

/** One line of the tree: a level of a path, with or without a resource of its own. */
export interface ResourceNode {
  /**
   * `/sensors/temp`, with its query if it has one; what identifies it within one server. Below another server that the
   * list names, `coap://10.0.0.9:5683/sensors/temp`.
   */
  path: string;
  /** The last level alone: `temp`. */
  level: string;
  depth: number;
  resource: CoapResource | null;
  children: ResourceNode[];
  /** Resources in it and below. */
  count: number;
  /** It belongs to another server than the one that lists it. */
  foreign: boolean;
}

/** Groups resources by the levels of their paths, sorted as people count: `s2` before `s10`. Other servers come last. */
export function buildTree(resources: readonly CoapResource[]): ResourceNode[] {
  const root = newNode('', '', -1, false);
  const byPath = new Map<string, ResourceNode>([['', root]]);
  for (const resource of resources) {
    const [, query = ''] = /(\?.*)$/.exec(resource.uri) ?? [];
    const levels = resource.path.split('/').slice(1);
    levels.push(`${levels.pop() ?? ''}${query}`);
    const other = isForeign(resource) ? authorityOf(resource.uri) : null;
    let node = root;
    let path = '';
    if (other !== null) {
      path = other;
      node = byPath.get(path) ?? addChild(root, path, other, true, byPath);
    }
    for (const level of levels) {
      path += `/${level}`;
      node = byPath.get(path) ?? addChild(node, path, level, other !== null, byPath);
    }
    node.resource = resource;
  }
  settle(root);
  return root.children;
}

/** A link of the list leads to another server. */
export function isForeign(resource: CoapResource): boolean {
  return authorityOf(resource.uri) !== resource.authority;
}

/** Links to other servers, which the station keeps no resources of, as lines of the list they stand in. */
export function foreignResources(authority: string, links: readonly CoapLink[]): CoapResource[] {
  return links
    .filter(({ uri }) => authorityOf(uri) !== authority)
    .map(({ uri, path, attributes, observable }) => ({
      authority,
      path,
      uri,
      attributes,
      observable,
      observation: null,
      last: null,
      seriesIds: [],
    }));
}

function newNode(path: string, level: string, depth: number, foreign: boolean): ResourceNode {
  return { path, level, depth, resource: null, children: [], count: 0, foreign };
}

function addChild(
  parent: ResourceNode,
  path: string,
  level: string,
  foreign: boolean,
  byPath: Map<string, ResourceNode>,
): ResourceNode {
  const node = newNode(path, level, parent.depth + 1, foreign);
  parent.children.push(node);
  byPath.set(path, node);
  return node;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Sorts, and counts what is below. */
function settle(node: ResourceNode): void {
  node.children.sort((a, b) => Number(a.foreign) - Number(b.foreign) || collator.compare(a.level, b.level));
  node.children.forEach(settle);
  node.count = node.children.reduce((sum, child) => sum + child.count, node.resource === null ? 0 : 1);
}

/** The lines that are on the screen: everything whose levels above are not closed. */
export function visibleNodes(
  nodes: readonly ResourceNode[],
  isClosed: (node: ResourceNode) => boolean,
): ResourceNode[] {
  const lines: ResourceNode[] = [];
  const add = (list: readonly ResourceNode[]): void => {
    for (const node of list) {
      lines.push(node);
      if (!isClosed(node)) add(node.children);
    }
  };
  add(nodes);
  return lines;
}

/** Paths of the levels above a resource, outermost first. */
export function levelsAbove(resource: CoapResource): string[] {
  const base = isForeign(resource) ? authorityOf(resource.uri) : '';
  const levels = resource.path.split('/').slice(1, -1);
  const above = base === '' ? [] : [base];
  return [...above, ...levels.map((_, index) => `${base}/${levels.slice(0, index + 1).join('/')}`)];
}

/** Resources whose path, title, type, interface or format contains the text. */
export function matching(resources: readonly CoapResource[], search: string): CoapResource[] {
  const wanted = search.trim().toLowerCase();
  if (wanted === '') return [...resources];
  return resources.filter(({ path, uri, attributes, authority }) =>
    [
      uri.startsWith(authority) ? path : uri,
      attributes['title'],
      attributes['rt'],
      attributes['if'],
      attributes['ct'],
    ].some((text) => text?.toLowerCase().includes(wanted)),
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

/** The same lines as before with what is now known of them: nothing comes or goes under the pointer. */
export function keptStill(before: readonly CoapResource[], now: readonly CoapResource[]): CoapResource[] {
  const byUri = new Map(now.map((resource) => [resource.uri, resource]));
  return before.map((resource) => byUri.get(resource.uri) ?? resource);
}
