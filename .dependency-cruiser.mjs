// The table of ARCHITECTURE.md as rules: what is absent here is an error.
const layers = {
  model: [],
  artifact: ['model'],
  seal: ['model', 'artifact'],
  trust: ['model', 'artifact', 'seal', 'ledger'],
  policy: ['model'],
  ledger: ['model'],
  evidence: ['model', 'artifact', 'seal', 'trust', 'policy', 'ledger'],
  blobs: ['model'],
  store: ['model'],
  keys: ['model', 'seal', 'store'],
  auth: ['model', 'store', 'keys'],
  webhooks: ['model', 'policy', 'ledger', 'store'],
  audit: ['model', 'ledger', 'store', 'keys', 'webhooks'],
  'evidence-export': ['model', 'ledger', 'evidence', 'blobs', 'store', 'audit'],
  sources: ['model', 'store'],
  jobs: ['model', 'store'],
  events: ['model', 'store'],
  catalog: ['model', 'store'],
  live: ['model', 'store', 'trust', 'policy', 'audit', 'jobs'],
  logs: ['model'],
  tracing: ['model'],
  runtime: ['model', 'artifact', 'blobs'],
  authority: ['model', 'seal', 'keys', 'auth', 'ledger', 'store'],
  witness: ['model', 'ledger', 'keys'],
  operations: [
    'model',
    'artifact',
    'seal',
    'trust',
    'policy',
    'ledger',
    'evidence',
    'evidence-export',
    'blobs',
    'store',
    'keys',
    'auth',
    'audit',
    'jobs',
    'events',
    'webhooks',
    'catalog',
    'live',
    'logs',
    'runtime',
    'sources',
  ],
  backup: ['model', 'ledger', 'blobs', 'store', 'keys', 'audit', 'catalog'],
  http: ['model', 'auth', 'operations', 'catalog', 'live', 'audit'],
}

const only = (name, library, home) => ({
  name,
  severity: 'error',
  from: { path: '^(services|cli|migrations)/', pathNot: `^(${home})` },
  to: { path: `node_modules/(${library})/` },
})

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-resolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...Object.entries(layers).map(([layer, below]) => ({
      name: `layer-${layer}`,
      severity: 'error',
      from: { path: `^services/${layer}/` },
      to: {
        path: '^(services|cli|migrations)/',
        pathNot: [
          `^services/(${[layer, ...below].join('|')})/`,
          // The store runs the migrations; nobody else knows them.
          ...(layer === 'store' ? ['^migrations/'] : []),
        ],
      },
    })),
    {
      name: 'every-folder-has-a-row',
      severity: 'error',
      from: { path: `^services/(?!(${Object.keys(layers).join('|')})/)[^/]+/` },
      to: {},
    },
    {
      name: 'through-the-front-door',
      severity: 'error',
      from: { path: '^(services|cli)/([^/]+)' },
      to: { path: '^services/[^/]+/', pathNot: ['^$1/$2/', '^services/[^/]+/index\\.ts$'] },
    },
    {
      // Pages read and change by the routes of the APIs: of operations they know types alone.
      name: 'console-acts-through-the-apis',
      severity: 'error',
      from: { path: '^services/http/console/' },
      to: {
        path: '^services/(operations|catalog|live)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'cli-shares-pure-folders-only',
      severity: 'error',
      from: {
        path: '^cli/',
        pathNot:
          '^cli/commands/(serve|ledger|authority|policy-offline|backup|restore|scrub-offline|doctor-offline|witness)\\.ts$',
      },
      to: {
        path: '^services/',
        pathNot: '^services/(model|artifact|seal|trust|policy|ledger|evidence)/',
      },
    },
    {
      name: 'cli-starts-the-service-through-main',
      severity: 'error',
      from: {
        path: '^cli/commands/(serve|ledger|authority|policy-offline|backup|restore|scrub-offline|doctor-offline|witness)\\.ts$',
      },
      to: { path: '^services/', pathNot: '^services/(main\\.ts|(model|ledger)/)' },
    },
    {
      name: 'migrations-are-frozen',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '^(services|cli)/' },
    },
    only('sqlite-in-store', 'better-sqlite3', 'services/store/'),
    only(
      'kysely-below-operations',
      'kysely',
      'services/(store|catalog|audit|jobs|live)/|migrations/',
    ),
    only('fastify-at-the-edge', 'fastify|@fastify/[^/]+', 'services/(http|authority)/'),
    only('forge-opens-pkcs12-only', 'node-forge', 'cli/signing/'),
    only('sigstore-sign-in-cli-signing', '@sigstore/sign|@sigstore/bundle', 'cli/signing/'),
    only('cedar-in-policy', '@cedar-policy/[^/]+', 'services/policy/'),
    only('openid-client-in-auth', 'openid-client|oauth4webapi', 'services/auth/sign-in/'),
    only('sigstore-tuf-in-cli-signing', '@sigstore/tuf|tuf-js', 'cli/signing/'),
    only('pkcs11-in-cli-signing', 'pkcs11js', 'cli/signing/pkcs11/'),
    only('archiver-writes-zips', 'archiver', 'cli/packaging/|services/evidence-export/'),
    only('ffi-in-the-spawner', 'koffi', 'services/runtime/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
