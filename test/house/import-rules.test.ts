import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const eslint = new ESLint();

async function importsRefused(filePath: string, specifier: string): Promise<boolean> {
  const script = `import { thing } from '${specifier}';\nexport const other = thing;\n`;
  const component = `<script lang="ts">\n${script.replace('export ', '')}</script>\n\n<p>{other}</p>\n`;
  const text = filePath.endsWith('.svelte') ? component : script;
  const [result] = await eslint.lintText(text, { filePath });
  expect(result?.messages.some((message) => message.fatal)).toBe(false);
  return result!.messages.some((message) => message.ruleId === '@typescript-eslint/no-restricted-imports');
}

describe('who may know whom', () => {
  it.each([
    ['core/mqtt/broker.ts', '../store/record.ts'],
    ['core/mqtt/broker.ts', '../coap/codec.ts'],
    ['core/mqtt/deep/inside.ts', '../../devices/registry.ts'],
    ['core/coap/client.ts', '../contract/coap.ts'],
    ['core/base/clock.ts', '../contract/frames.ts'],
    ['core/contract/methods.ts', '../base/errors.ts'],
    ['core/devices/registry.ts', '../store/types.ts'],
    ['core/telemetry/telemetry.ts', '../../renderer/src/lib/format.ts'],
    ['core/gateway/gateway.ts', '../station.ts'],
    ['core/gateway/gateway.ts', '../station/intake.ts'],
    ['core/mqtt/broker.ts', 'better-sqlite3'],
    ['core/station/intake.ts', 'electron'],
    ['electron/main.ts', '../core/mqtt/broker.ts'],
    ['electron/main.ts', '../core/station.ts'],
    ['electron/main.ts', '../core/rpc/host.ts'],
    ['renderer/src/main.ts', '../../core/store/record.ts'],
    ['renderer/src/main.ts', '../../core/rpc/host.ts'],
    ['renderer/src/App.svelte', 'better-sqlite3'],
  ])('%s may not import %s', async (file, specifier) => {
    expect(await importsRefused(file, specifier)).toBe(true);
  });

  it.each([
    ['core/mqtt/broker.ts', './codec.ts'],
    ['core/mqtt/broker.ts', '../base/clock.ts'],
    ['core/devices/registry.ts', '../telemetry/types.ts'],
    ['core/store/record.ts', 'better-sqlite3'],
    ['core/gateway/gateway.ts', 'ws'],
    ['core/station.ts', './store/record.ts'],
    ['core/station/intake.ts', '../store/record.ts'],
    ['renderer/src/main.ts', '../../core/rpc/client.ts'],
    ['renderer/src/main.ts', '../../core/contract/devices.ts'],
    ['electron/windows.ts', 'electron'],
  ])('%s may import %s', async (file, specifier) => {
    expect(await importsRefused(file, specifier)).toBe(false);
  });

  it('refuses product code that names AES-CCM, which Electron does not have', async () => {
    const rule = async (filePath: string) =>
      (await eslint.lintText(`export const suite = 'aes-128-ccm';\n`, { filePath }))[0]!.messages.length;
    expect(await rule('core/coap/secure.ts')).toBe(1);
    expect(await rule('core/coap/secure.test.ts')).toBe(0);
  });
});
