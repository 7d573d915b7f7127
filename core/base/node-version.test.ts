import { describe, expect, it } from 'vitest';
import { nodeVersionProblem } from './node-version.ts';

describe('the Node guard', () => {
  it('lets Node 24 and newer pass', () => {
    expect(nodeVersionProblem('v24.0.0')).toBeUndefined();
    expect(nodeVersionProblem('v26.1.2')).toBeUndefined();
  });

  it('names the Node it wants and how to get it, in one line', () => {
    for (const version of ['v20.20.2', 'v8.0.0', 'nonsense']) {
      const line = nodeVersionProblem(version);
      expect(line).toMatch(/Node 24/);
      expect(line).toMatch(/npm/);
      expect(line).not.toContain('\n');
    }
  });
});
