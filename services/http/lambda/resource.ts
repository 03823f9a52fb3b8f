import {
  API_ACTIONS,
  EVERYTHING,
  functionRef,
  parseFunctionReference,
  refOfArn,
  type Json,
  type ResourceRef,
} from '../../model/index.ts'
import { readQuery } from '../wire.ts'

/** Members of the body that name what these are done to: they are authorized again once it was read. */
const NAMED_IN_BODY: Readonly<Record<string, string>> = {
  CreateFunction: 'FunctionName',
  CreateAlias: 'Name',
  CreateEventSourceMapping: 'FunctionName',
}

interface Asked {
  /** As authorization knows it: `lambda:UpdateAlias`. */
  readonly action: string
  readonly operation: string
  readonly path: Readonly<Record<string, string>>
  readonly query: string
}

/** What an operation is done to, from path and query; `undefined` where only the body says. */
export function lambdaResource(asked: Asked): ResourceRef | undefined {
  if (NAMED_IN_BODY[asked.operation] !== undefined) return undefined
  return fit(asked.action, fromPath(asked))
}

/** What the body names, of the operations whose thing is found nowhere else, and of a mapping that is pointed elsewhere. */
export function lambdaBodyResource(
  asked: Asked,
  json: { readonly [name: string]: Json | undefined },
): ResourceRef | undefined {
  if (asked.operation === 'CreateAlias') {
    const { FunctionName: name = '' } = asked.path
    return { kind: 'Alias', name: functionOf(name).name, alias: textOf(json['Name']) }
  }
  const member = asked.operation === 'UpdateEventSourceMapping' ? 'FunctionName' : undefined
  const needed = NAMED_IN_BODY[asked.operation]
  const name = json[needed ?? member ?? '']
  if (typeof name === 'string' && (needed ?? member) !== undefined) return functionOf(name)
  // Named nowhere: the operation will refuse it, and until then it is a thing without a name.
  return needed === undefined ? undefined : { kind: 'Function', name: '' }
}

function fromPath({ path, query }: Asked): ResourceRef {
  const { FunctionName, Name, LayerName, UUID, CodeSigningConfigArn, Resource, ResourceArn } = path
  if (FunctionName !== undefined) {
    if (Name !== undefined)
      return { kind: 'Alias', name: functionOf(FunctionName).name, alias: Name }
    return functionOf(FunctionName, queryText(query, 'Qualifier'))
  }
  if (LayerName !== undefined)
    return LayerName.startsWith('arn:') ? refOfArn(LayerName) : { kind: 'Layer', name: LayerName }
  if (UUID !== undefined) return mappingRef(UUID)
  const arn = CodeSigningConfigArn ?? Resource ?? ResourceArn ?? queryText(query, 'Arn')
  if (arn !== undefined) return refOfArn(arn)
  const [other] = Object.values(path)
  return other === undefined ? EVERYTHING : { kind: 'Object', name: other }
}

function functionOf(text: string, qualifier?: string): ResourceRef {
  const reference = parseFunctionReference(text)
  // What names no function is refused by the operation; until then it is called as it was written.
  if (reference === undefined) return { kind: 'Function', name: text }
  return functionRef(reference.name, reference.qualifier ?? qualifier)
}

function mappingRef(uuid: string): ResourceRef {
  // Place does not matter: it is looked up by its id.
  return { kind: 'Object', name: `arn:aws:lambda:::event-source-mapping:${uuid}` }
}

/** Malformed or repeated, it means nothing here, and is refused by the operation. */
function queryText(query: string, name: string): string | undefined {
  try {
    const value = readQuery(query)[name]
    return typeof value === 'string' && value !== '' ? value : undefined
  } catch {
    return undefined
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** An ARN of a thing that the operation knows nothing of is, to policies, an object or whatever it expects. */
function fit(action: string, ref: ResourceRef): ResourceRef {
  const [first, ...more] = API_ACTIONS.get(action)?.on ?? []
  if (first === undefined || ref.kind === first || more.includes(ref.kind)) return ref
  if (first === 'Object' || more.includes('Object')) return { kind: 'Object', name: ref.name }
  return { kind: first, name: ref.name }
}
