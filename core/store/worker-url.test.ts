import { expect, it } from 'vitest';
import { workerUrl } from './worker-url.ts';

it('finds the worker beside the source and beside the bundle', () => {
  expect(workerUrl('writer-worker', 'file:///app/core/store/worker-url.ts').href).toBe(
    'file:///app/core/store/writer-worker.ts',
  );
  expect(workerUrl('writer-worker', 'file:///app/dist/host/host.js').href).toBe(
    'file:///app/dist/host/writer-worker.js',
  );
});
