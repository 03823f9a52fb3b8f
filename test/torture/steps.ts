import { createHash } from 'node:crypto'

import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteAliasCommand,
  DeleteFunctionCodeSigningConfigCommand,
  DeleteFunctionCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { nodePackage, zipOf } from '../support/packages.ts'
import {
  counterOf,
  functionOf,
  newestVersion,
  published,
  withFunction,
  type Expected,
  type ExpectedAlias,
} from './expected.ts'
import type { Seeded } from './seeded.ts'

/** One change of the load: how it is sent, and what holds once it is acknowledged. */
export interface Step {
  readonly what: string
  readonly after: Expected
  /** Sends it; answers what in the acknowledgement differs from `after`, if anything. */
  send(client: LambdaClient): Promise<string | undefined>
}

export interface Workshop {
  readonly chance: Seeded
  /** The code signing config that the load attaches (Warn). */
  readonly config: string
  /** CodeSha256 → what the function answers. */
  readonly releases: Map<string, string>
  readonly client: string
}

/** The functions of one client. */
export function namesOf(shop: Workshop): string[] {
  return ['one', 'two'].map((suffix) => `${shop.client}-${suffix}`)
}

const ROLE = 'arn:aws:iam::000000000000:role/lambda'

/** The next change a client makes, by its own state and seeded chance. */
export function nextStep(shop: Workshop, now: Expected): Step {
  const name = shop.chance.pick(namesOf(shop))
  const owner = now.functions[name]
  if (owner === undefined) return create(shop, now, name)
  const drawn = shop.chance.fraction()
  if (drawn < 0.34) return updateCode(shop, now, name)
  if (drawn < 0.5) return publish(now, name)
  if (drawn < 0.74) {
    return newestVersion(owner) === undefined ? publish(now, name) : moveAlias(shop, now, name)
  }
  if (drawn < 0.8) return toggleConfig(shop, now, name)
  if (drawn < 0.86) return publishLayer(shop, now)
  if (drawn < 0.92) return attachLayer(shop, now, name)
  if (drawn < 0.95) return dropAlias(shop, now, name)
  return drop(now, name)
}

function freshCode(shop: Workshop): { zip: Buffer; codeSha256: string } {
  const release = `${shop.client}-${shop.releases.size}-${shop.chance.integer(0, 1e9)}`
  const zip = nodePackage(release)
  const codeSha256 = createHash('sha256').update(zip).digest('base64')
  shop.releases.set(codeSha256, release)
  return { zip, codeSha256 }
}

export function create(shop: Workshop, now: Expected, name: string): Step {
  const { zip, codeSha256 } = freshCode(shop)
  const publishToo = shop.chance.fraction() < 0.3
  const made = withFunction(now, name, {
    codeSha256,
    layers: [],
    config: null,
    versions: {},
    aliases: {},
  })
  const after = publishToo ? published(made, name).after : made
  return {
    what: `CreateFunction ${name}${publishToo ? ' and publish' : ''}`,
    after,
    send: async (client) => {
      const answer = await client.send(
        new CreateFunctionCommand({
          FunctionName: name,
          Runtime: 'nodejs20.x',
          Handler: 'index.handler',
          Role: ROLE,
          Code: { ZipFile: zip },
          Publish: publishToo,
        }),
      )
      const version = publishToo ? String(counterOf(now, name)) : '$LATEST'
      return differs({ codeSha256, version }, answer.CodeSha256, answer.Version)
    },
  }
}

export function updateCode(shop: Workshop, now: Expected, name: string): Step {
  const { zip, codeSha256 } = freshCode(shop)
  const publishToo = shop.chance.fraction() < 0.4
  const updated = withFunction(now, name, { ...functionOf(now, name), codeSha256 })
  const after = publishToo ? published(updated, name).after : updated
  return {
    what: `UpdateFunctionCode ${name}${publishToo ? ' and publish' : ''}`,
    after,
    send: async (client) => {
      const answer = await client.send(
        new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: zip, Publish: publishToo }),
      )
      const version = publishToo ? String(counterOf(now, name)) : '$LATEST'
      return differs({ codeSha256, version }, answer.CodeSha256, answer.Version)
    },
  }
}

export function publish(now: Expected, name: string): Step {
  const { after, version } = published(now, name)
  const { codeSha256 } = functionOf(now, name)
  return {
    what: `PublishVersion ${name}`,
    after,
    send: async (client) => {
      const answer = await client.send(new PublishVersionCommand({ FunctionName: name }))
      return differs({ codeSha256, version }, answer.CodeSha256, answer.Version)
    },
  }
}

/** Makes or moves an alias, with a second weighted version as often as not. */
export function moveAlias(shop: Workshop, now: Expected, name: string): Step {
  const owner = functionOf(now, name)
  const versions = Object.keys(owner.versions)
  const alias = shop.chance.pick(['prod', 'test'])
  const version = shop.chance.pick(versions)
  const others = versions.filter((other) => other !== version)
  const weighted = others.length > 0 && shop.chance.fraction() < 0.5
  const weights = weighted ? { [shop.chance.pick(others)]: 0.25 } : {}
  const target: ExpectedAlias = { version, weights }
  const input = {
    FunctionName: name,
    Name: alias,
    FunctionVersion: version,
    RoutingConfig: { AdditionalVersionWeights: weights },
  }
  const fresh = owner.aliases[alias] === undefined
  return {
    what: `${fresh ? 'CreateAlias' : 'UpdateAlias'} ${name}:${alias} to ${JSON.stringify(target)}`,
    after: withFunction(now, name, { ...owner, aliases: { ...owner.aliases, [alias]: target } }),
    send: async (client) => {
      const answer = await (fresh
        ? client.send(new CreateAliasCommand(input))
        : client.send(new UpdateAliasCommand(input)))
      return answer.FunctionVersion === version ? undefined : `version ${answer.FunctionVersion}`
    },
  }
}

function dropAlias(shop: Workshop, now: Expected, name: string): Step {
  const owner = functionOf(now, name)
  const aliases = Object.keys(owner.aliases)
  if (aliases.length === 0) return publish(now, name)
  const alias = shop.chance.pick(aliases)
  const { [alias]: _, ...rest } = owner.aliases
  return {
    what: `DeleteAlias ${name}:${alias}`,
    after: withFunction(now, name, { ...owner, aliases: rest }),
    send: async (client) => {
      await client.send(new DeleteAliasCommand({ FunctionName: name, Name: alias }))
      return undefined
    },
  }
}

export function toggleConfig(shop: Workshop, now: Expected, name: string): Step {
  const owner = functionOf(now, name)
  const config = owner.config === null ? shop.config : null
  return {
    what: `${config === null ? 'Detach' : 'Attach'} the code signing config, ${name}`,
    after: withFunction(now, name, { ...owner, config }),
    send: async (client) => {
      const input = { FunctionName: name }
      await (config === null
        ? client.send(new DeleteFunctionCodeSigningConfigCommand(input))
        : client.send(
            new PutFunctionCodeSigningConfigCommand({ ...input, CodeSigningConfigArn: config }),
          ))
      return undefined
    },
  }
}

export function publishLayer(shop: Workshop, now: Expected): Step {
  const name = `${shop.client}-layer`
  const zip = zipOf({ 'nodejs/stamp.txt': `${shop.chance.integer(0, 1e9)}` })
  const codeSha256 = createHash('sha256').update(zip).digest('base64')
  const version = counterOf(now, name)
  return {
    what: `PublishLayerVersion ${name}`,
    after: {
      ...now,
      layers: { ...now.layers, [name]: { ...now.layers[name], [version]: codeSha256 } },
      counters: { ...now.counters, [name]: version + 1 },
    },
    send: async (client) => {
      const answer = await client.send(
        new PublishLayerVersionCommand({ LayerName: name, Content: { ZipFile: zip } }),
      )
      const got = String(answer.Version)
      return differs({ codeSha256, version: String(version) }, answer.Content?.CodeSha256, got)
    },
  }
}

function attachLayer(shop: Workshop, now: Expected, name: string): Step {
  const layer = `${shop.client}-layer`
  const versions = Object.keys(now.layers[layer] ?? {})
  if (versions.length === 0) return publishLayer(shop, now)
  const arn = `arn:aws:lambda:us-east-1:000000000000:layer:${layer}:${shop.chance.pick(versions)}`
  const owner = functionOf(now, name)
  const layers = owner.layers.length === 0 ? [arn] : []
  return {
    what: `UpdateFunctionConfiguration ${name}, layers ${layers.join() || 'none'}`,
    after: withFunction(now, name, { ...owner, layers }),
    send: async (client) => {
      const answer = await client.send(
        new UpdateFunctionConfigurationCommand({ FunctionName: name, Layers: layers }),
      )
      const got = (answer.Layers ?? []).map((one) => one.Arn).join()
      return got === layers.join() ? undefined : `layers ${got}`
    },
  }
}

function drop(now: Expected, name: string): Step {
  return {
    what: `DeleteFunction ${name}`,
    after: withFunction(now, name, undefined),
    send: async (client) => {
      await client.send(new DeleteFunctionCommand({ FunctionName: name }))
      return undefined
    },
  }
}

function differs(
  expected: { readonly codeSha256: string; readonly version: string },
  codeSha256: string | undefined,
  version: string | undefined,
): string | undefined {
  if (codeSha256 === expected.codeSha256 && version === expected.version) return undefined
  return `expected ${JSON.stringify(expected)}, got ${codeSha256} as version ${version}`
}

/** The deploy path over and over: what a kill at a chosen system call is to meet. */
export function deployPath(): (shop: Workshop, now: Expected) => Step {
  let count = 0
  return (shop, now) => {
    const name = `${shop.client}-one`
    const owner = now.functions[name]
    if (owner === undefined) return create(shop, now, name)
    count += 1
    if (count % 4 === 1) return updateCode(shop, now, name)
    if (count % 4 === 2) return publish(now, name)
    if (count % 4 === 3) return moveAlias(shop, now, name)
    return publishLayer(shop, now)
  }
}

type Choose = (shop: Workshop, now: Expected) => Step

/** Everything that a deployment writes, once: a function made or dropped, code, version, alias, layer, signing config. */
export function wholeDeployment(): readonly Choose[] {
  const nameOf = (shop: Workshop): string => `${shop.client}-one`
  const other = (shop: Workshop): string => `${shop.client}-two`
  return [
    (shop, now) =>
      now.functions[nameOf(shop)] === undefined
        ? create(shop, now, nameOf(shop))
        : updateCode(shop, now, nameOf(shop)),
    (_shop, now) => publish(now, nameOf(_shop)),
    (shop, now) => moveAlias(shop, now, nameOf(shop)),
    (shop, now) => publishLayer(shop, now),
    (shop, now) =>
      now.functions[other(shop)] === undefined
        ? create(shop, now, other(shop))
        : drop(now, other(shop)),
    (shop, now) => toggleConfig(shop, now, nameOf(shop)),
  ]
}
