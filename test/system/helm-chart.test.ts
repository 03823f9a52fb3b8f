import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'

import { projectRoot } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

/** Debian's golang-github-masterminds-sprig-dev: what Helm renders with. */
const goPath = '/usr/share/gocode'
const sprig = existsSync(join(goPath, 'src/github.com/Masterminds/sprig'))
const chart = join(projectRoot, 'packaging/helm/lacre')

interface Kubernetes {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: Record<string, unknown>
}

let renderer = ''

/** The chart with its own values, of which some are other ones. */
function rendered(changed: Record<string, unknown> = {}): {
  readonly service: Kubernetes
  readonly set: Kubernetes
} {
  const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as Record<string, unknown>
  const run = spawnSync(renderer, [chart, JSON.stringify({ ...values, ...changed })], {
    encoding: 'utf8',
  })
  expect(run.status, run.stderr).toBe(0)
  const documents = parseAllDocuments(run.stdout)
  if (!Array.isArray(documents)) throw new Error('nothing was rendered')
  expect(documents.flatMap(({ errors }) => errors)).toEqual([])
  const all = documents.map((document) => document.toJS() as Kubernetes)
  const [service, set] = ['Service', 'StatefulSet'].map((wanted) =>
    all.find(({ kind }) => kind === wanted),
  )
  if (service === undefined || set === undefined) throw new Error(run.stdout)
  return { service, set }
}

interface Pod {
  readonly metadata: { readonly labels: Record<string, string> }
  readonly spec: {
    readonly containers: readonly [
      {
        readonly args: readonly string[]
        readonly image: string
        readonly ports: readonly { readonly name: string }[]
        readonly resources: unknown
        readonly volumeMounts: readonly { readonly name: string }[]
      },
    ]
    readonly volumes: readonly { readonly name: string }[]
  }
}

describe.skipIf(!sprig)('the Helm chart, rendered', () => {
  const dir = tempDir()
  beforeAll(() => {
    renderer = join(dir.path, 'render')
    const program = join(projectRoot, 'test/clients/helm/main.go')
    const env = {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: goPath,
      GOCACHE: join(dir.path, 'go'),
    }
    execFileSync('go', ['build', '-o', renderer, program], { env })
  }, 240_000)
  afterAll(() => dir[Symbol.dispose]())

  test('is a service that finds the pods of a set, whose mounts are all there', () => {
    const { service, set } = rendered()
    const pod = set.spec['template'] as Pod
    const [container] = pod.spec.containers
    const claims = set.spec['volumeClaimTemplates'] as { metadata: { name: string } }[]
    const ports = service.spec['ports'] as { targetPort: string }[]

    expect([service.metadata.name, set.metadata.name, set.spec['serviceName']]).toEqual([
      'shop',
      'shop',
      'shop',
    ])
    expect(pod.metadata.labels).toMatchObject(service.spec['selector'] as object)
    expect(set.spec['selector']).toEqual({ matchLabels: pod.metadata.labels })
    expect(ports.map(({ targetPort }) => targetPort).toSorted()).toEqual(
      container.ports.map(({ name }) => name).toSorted(),
    )
    expect(container.volumeMounts.map(({ name }) => name).toSorted()).toEqual(
      [
        ...pod.spec.volumes.map(({ name }) => name),
        ...claims.map(({ metadata }) => metadata.name),
      ].toSorted(),
    )
    expect(container.resources).toEqual({
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { memory: '4Gi' },
    })
  })

  test('asks the service for what the values say, and for nothing that they leave out', () => {
    const argsOf = (changed: Record<string, unknown>): readonly string[] =>
      (rendered(changed).set.spec['template'] as Pod).spec.containers[0].args

    const own = argsOf({})
    const other = argsOf({ requireIsolation: false, policySet: 'strict-production' })

    expect(own).toContain('--require-isolation')
    expect(own.some((arg) => arg.startsWith('--policy-set'))).toBe(false)
    expect(other).not.toContain('--require-isolation')
    expect(other).toContain('--policy-set=strict-production')
  })
})
