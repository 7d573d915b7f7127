/**
 * Who may know whom, as ESLint settings. The table is the one in docs/architecture.md; a folder always knows
 * itself. Unit tests obey the rules of the folder they lie in, except that they may also reach test/support.
 */
export const KNOWS = {
  base: [],
  contract: [],
  rpc: ['base', 'contract'],
  mqtt: ['base'],
  dtls: ['base'],
  coap: ['base', 'dtls'],
  lwm2m: ['base', 'coap'],
  telemetry: ['base'],
  devices: ['base', 'contract', 'telemetry'],
  store: ['base', 'contract'],
  access: ['base', 'contract'],
  gateway: ['base', 'contract', 'rpc', 'access', 'coap'],
};
const FOLDERS = [...Object.keys(KNOWS), 'station'];
const WORLDS = ['electron', 'renderer', 'test', 'scripts'];

/** Packages that only these folders may touch. */
const OWNED_PACKAGES = {
  'better-sqlite3': ['core/store'],
  electron: ['electron'],
  svelte: ['renderer'],
  // Screens, MQTT clients and CoAP endpoints come in through one each; the three must not know each other.
  ws: ['core/gateway', 'core/mqtt', 'core/coap'],
  'dns-packet': ['core/coap'],
  '@peculiar/x509': ['core/access'],
};

function forbidden(own, allowed, worlds, packages) {
  const folders = FOLDERS.filter((folder) => folder !== own && !allowed.includes(folder));
  const patterns = [
    {
      regex: `^(\\.\\./)+(core/)?(${folders.join('|')})/`,
      message: `${own} may know only: ${allowed.join(', ') || 'nothing of ours'} (docs/architecture.md).`,
    },
    { regex: `^(\\.\\./)+(core/)?(station|host|cli)\\.ts$`, message: `${own} may not know the station.` },
    { regex: `^(\\.\\./)+(${worlds.join('|')})/(?!support/)`, message: `${own} lives in another world.` },
  ];
  for (const name of packages) {
    patterns.push({
      regex: `^${name}(/|$)`,
      message: `${name} belongs to ${OWNED_PACKAGES[name].join(' and ')}.`,
    });
  }
  return { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] };
}

function foreignPackages(place) {
  return Object.keys(OWNED_PACKAGES).filter((name) => !OWNED_PACKAGES[name].includes(place));
}

export function importRules() {
  const rules = Object.entries(KNOWS).map(([own, allowed]) => ({
    files: [`core/${own}/**/*.ts`],
    rules: forbidden(own, allowed, WORLDS, foreignPackages(`core/${own}`)),
  }));
  // The station knows every room, but works through them: it opens no database and no socket of its own.
  rules.push({
    files: ['core/station/**/*.ts', 'core/cli/**/*.ts', 'core/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...foreignPackages('core').map((name) => ({
              regex: `^${name}(/|$)`,
              message: `${name} belongs to ${OWNED_PACKAGES[name].join(' and ')}.`,
            })),
            {
              regex: '^(\\.\\./)+(electron|renderer|scripts)/',
              message: 'The station lives in another world.',
            },
          ],
        },
      ],
    },
  });
  // The two shells see the contract and the client half of rpc, and nothing else of core.
  for (const world of ['electron', 'renderer']) {
    const inner = FOLDERS.filter((folder) => !['contract', 'rpc'].includes(folder));
    const others = WORLDS.filter((name) => name !== world && name !== 'test');
    const patterns = [
      {
        regex: `^(\\.\\./)+core/(${inner.join('|')})/`,
        message: 'A shell knows only the contract and the rpc client.',
      },
      {
        regex: `^(\\.\\./)+core/rpc/(?!client|types|message-port-client|websocket-client)`,
        message: 'Only the client half of rpc.',
      },
      { regex: `^(\\.\\./)+core/[^/]+\\.ts$`, message: 'A shell does not know the station.' },
      { regex: `^(\\.\\./)+(${others.join('|')})/`, message: `${world} lives in another world.` },
      ...foreignPackages(world).map((name) => ({
        regex: `^${name}(/|$)`,
        message: `${name} belongs to ${OWNED_PACKAGES[name].join(' and ')}.`,
      })),
    ];
    rules.push({
      files: [`${world}/**/*.{ts,svelte}`],
      rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
    });
  }
  return rules;
}
