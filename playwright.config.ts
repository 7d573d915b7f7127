import { defineConfig } from '@playwright/test';

/** The same scenarios through two launchers: Chromium on a headless station, and the Electron desktop where its binary is. */
export default defineConfig({
  testDir: 'test/e2e',
  outputDir: 'test-results/e2e',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  workers: 1,
  retries: 0,
  forbidOnly: process.env['CI'] === 'true',
  reporter: [['list']],
  use: { viewport: { width: 1366, height: 768 }, screenshot: 'only-on-failure', trace: 'retain-on-failure' },
  projects: [
    { name: 'chromium', metadata: { launcher: 'chromium' } },
    // Faults of the host are no matter of the shell: they are shown once, in Chromium.
    { name: 'electron', metadata: { launcher: 'electron' }, testIgnore: 'faults.spec.ts' },
  ],
});
