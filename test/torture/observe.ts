import {
  GetFunctionCodeSigningConfigCommand,
  GetFunctionConfigurationCommand,
  ListAliasesCommand,
  ListLayerVersionsCommand,
  ListVersionsByFunctionCommand,
  GetLayerVersionCommand,
  ResourceNotFoundException,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import type { Expected, ExpectedAlias, ExpectedFunction, ExpectedVersion } from './expected.ts'

/** What the service says it holds of these names, in the form of what is expected. */
export async function observe(
  client: LambdaClient,
  names: { readonly functions: readonly string[]; readonly layers: readonly string[] },
): Promise<Expected> {
  const functions: Record<string, ExpectedFunction> = {}
  for (const name of names.functions) {
    const owner = await observeFunction(client, name)
    if (owner !== undefined) functions[name] = owner
  }
  const layers: Record<string, Record<string, string>> = {}
  for (const name of names.layers) {
    const versions = await observeLayer(client, name)
    if (Object.keys(versions).length > 0) layers[name] = versions
  }
  return { functions, layers, counters: {} }
}

async function observeFunction(
  client: LambdaClient,
  name: string,
): Promise<ExpectedFunction | undefined> {
  const input = { FunctionName: name }
  try {
    const latest = await client.send(new GetFunctionConfigurationCommand(input))
    const config = await client.send(new GetFunctionCodeSigningConfigCommand(input))
    return {
      codeSha256: latest.CodeSha256 ?? '',
      layers: (latest.Layers ?? []).map((layer) => layer.Arn ?? ''),
      config: config.CodeSigningConfigArn ?? null,
      versions: await observeVersions(client, name),
      aliases: await observeAliases(client, name),
    }
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    throw error
  }
}

async function observeVersions(client: LambdaClient, name: string) {
  const versions: Record<string, ExpectedVersion> = {}
  let Marker: string | undefined
  do {
    const page = await client.send(
      new ListVersionsByFunctionCommand({ FunctionName: name, Marker }),
    )
    for (const one of page.Versions ?? []) {
      if (one.Version === undefined || one.Version === '$LATEST') continue
      const layers = (one.Layers ?? []).map((layer) => layer.Arn ?? '')
      versions[one.Version] = { codeSha256: one.CodeSha256 ?? '', layers }
    }
    Marker = page.NextMarker
  } while (Marker !== undefined)
  return versions
}

async function observeAliases(client: LambdaClient, name: string) {
  const aliases: Record<string, ExpectedAlias> = {}
  const page = await client.send(new ListAliasesCommand({ FunctionName: name }))
  for (const one of page.Aliases ?? []) {
    const weights = one.RoutingConfig?.AdditionalVersionWeights ?? {}
    aliases[one.Name ?? ''] = { version: one.FunctionVersion ?? '', weights }
  }
  return aliases
}

async function observeLayer(client: LambdaClient, name: string) {
  const versions: Record<string, string> = {}
  let Marker: string | undefined
  do {
    const page = await client.send(new ListLayerVersionsCommand({ LayerName: name, Marker }))
    for (const { Version } of page.LayerVersions ?? []) {
      if (Version === undefined) continue
      const one = await client.send(
        new GetLayerVersionCommand({ LayerName: name, VersionNumber: Version }),
      )
      versions[String(Version)] = one.Content?.CodeSha256 ?? ''
    }
    Marker = page.NextMarker
  } while (Marker !== undefined)
  return versions
}
