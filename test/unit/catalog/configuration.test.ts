import { expect, it } from 'vitest'

import {
  defaultConfiguration,
  publishDigest,
  releaseOf,
  withConfiguration,
  type ConfigurationInput,
  type FunctionConfigurationDocument,
} from '../../../services/catalog/index.ts'
import { sha256, type Sha256 } from '../../../services/model/index.ts'

const defaults = defaultConfiguration('fn')

it('keeps what an update does not name', () => {
  const before = withConfiguration(defaults, {
    Runtime: 'nodejs20.x',
    Handler: 'a.b',
    Environment: { Variables: { A: '1' } },
    DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:q' },
  })

  expect(withConfiguration(before, {})).toEqual(before)
  expect(withConfiguration(before, { Timeout: 9 })).toEqual({ ...before, Timeout: 9 })
})

it('replaces variables whole, and tells none given from none left', () => {
  const some = withConfiguration(defaults, { Environment: { Variables: { A: '1', B: '2' } } })

  expect(defaults.Environment).toBeUndefined()
  expect(withConfiguration(some, { Environment: { Variables: { C: '3' } } }).Environment).toEqual({
    Variables: { C: '3' },
  })
  expect(withConfiguration(some, { Environment: {} }).Environment).toEqual({ Variables: {} })
})

it('takes a dead letter target and a key away when they are emptied', () => {
  const given = withConfiguration(defaults, {
    DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:q' },
    KMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/k',
  })

  const emptied = withConfiguration(given, { DeadLetterConfig: { TargetArn: '' }, KMSKeyArn: '' })

  expect(emptied).toEqual(defaults)
})

const parts = {
  artifact: sha256('code'),
  layers: [layer('one'), layer('two')],
  configuration: withConfiguration(defaults, {
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Environment: { Variables: { A: 'x', B: 'y' } },
  }),
}
const digest = (value: string): string => sha256('key', value)

function layer(name: string) {
  const arn = `arn:aws:lambda:us-east-1:000000000000:layer:${name}:1`
  return {
    arn,
    codeSha256: sha256(name),
    sha256: sha256(name),
    tree: sha256(name),
    codeSizeBytes: 1,
  }
}

function release(changed: ConfigurationInput): Sha256 {
  const configuration = withConfiguration(parts.configuration, changed)
  return releaseOf({ ...parts, configuration }, digest)
}

const runs: readonly (readonly [string, ConfigurationInput])[] = [
  ['handler', { Handler: 'other.handler' }],
  ['runtime', { Runtime: 'nodejs22.x' }],
  ['architecture', { Architectures: ['arm64'] }],
  ['one value', { Environment: { Variables: { A: 'z', B: 'y' } } }],
  ['a name', { Environment: { Variables: { A: 'x', C: 'y' } } }],
  ['two values swapped', { Environment: { Variables: { A: 'y', B: 'x' } } }],
  ['a wrapper', { Environment: { Variables: { A: 'x', B: 'y', AWS_LAMBDA_EXEC_WRAPPER: '/opt/w' } } }],
] // prettier-ignore

it.each(runs)('is another release when it differs in %s', (_what, changed) => {
  expect(release(changed)).not.toBe(release({}))
})

it('is another release in another order of layers, and the same with another description', () => {
  const turned = releaseOf({ ...parts, layers: [...parts.layers].toReversed() }, digest)

  expect(turned).not.toBe(release({}))
  expect(release({ Description: 'x', Timeout: 9 })).toBe(release({}))
})

it('does not show whether two variables hold the same value', () => {
  const seen: string[] = []
  const configuration = withConfiguration(parts.configuration, {
    Environment: { Variables: { A: 'same', B: 'same' } },
  })

  releaseOf({ ...parts, configuration }, (value) => {
    seen.push(digest(value))
    return digest(value)
  })

  expect(new Set(seen).size).toBe(2)
})

it('publishes anew for every change that counts, and not for where it was published from', () => {
  const of = (configuration: FunctionConfigurationDocument) =>
    publishDigest({ configuration, codeSha256: sha256('code'), layers: parts.layers })
  const { configuration } = parts

  expect(of({ ...configuration, PublishedFrom: sha256('x') })).toBe(of(configuration))
  for (const changed of [{ Description: 'x' }, { Timeout: 9 }, { Role: 'r' }, { MemorySize: 256 }])
    expect(of(withConfiguration(configuration, changed))).not.toBe(of(configuration))
})
