// A process that holds a runtime with one environment in the middle of an invocation, to be killed by a test. Its spawner and workers are those of the build.
import { register } from 'tsx/esm/api'

register()
const { openSource } = await import('../../services/blobs/index.ts')
const { systemClock, systemRandom } = await import('../../services/model/index.ts')
const { openRuntime } = await import('../../services/runtime/index.ts')

const {
  dataDir,
  blobDir,
  isolation,
  spec,
  uidFraction,
  prewarmed = 0,
} = JSON.parse(process.argv[2])
const log = { debug() {}, info() {}, warn() {}, error() {} }
const runtime = await openRuntime({
  dataDir,
  blobs: { open: (digest) => openSource(`${blobDir}/${digest}`) },
  clock: systemClock,
  random: { ...systemRandom, fraction: () => uidFraction },
  isolation,
  requireIsolation: false,
  place: { account: '000000000000', region: 'us-east-1' },
  maxEnvironments: 4,
  prewarmed,
  log,
  logs: { writerFor: () => (bytes) => process.stdout.write(bytes) },
})
if (prewarmed > 0)
  setInterval(() => {
    const { ready } = runtime.stats().prewarmed
    if (ready === prewarmed) process.stdout.write('prewarmed')
  }, 10)
await runtime.invoke(spec, {
  requestId: '00000000-0000-4000-8000-000000000000',
  payload: Buffer.from('{}'),
  invokedArn: spec.functionArn,
  tail: false,
  signal: new AbortController().signal,
})
