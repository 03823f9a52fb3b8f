import { toFunctionConfiguration } from '../../catalog/index.ts'
import { listVersions, publishVersion, type Deps } from '../../operations/index.ts'
import { configurationBody, decided } from './answers.ts'
import { checkFunctionName } from './function-name.ts'
import type { LambdaAnswer, LambdaHandlers, LambdaRequest } from './handler.ts'
import { textMember } from './members.ts'
import { nextMarker, readPageAsked } from './page-input.ts'
import { ConstraintCheck } from './validation.ts'

/** Published versions. */
export function versionHandlers(deps: Deps): LambdaHandlers {
  return {
    PublishVersion: (request) => publish(deps, request),
    ListVersionsByFunction: (request) => list(deps, request),
  }
}

async function publish(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const { json } = request
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'strict')
  const description = textMember(json, 'Description')
  check.length('description', description, { max: 256 })
  check.finish()
  const { version, decisionId } = await publishVersion(deps, request.caller, {
    functionName,
    codeSha256: textMember(json, 'CodeSha256'),
    revisionId: textMember(json, 'RevisionId'),
    description,
  })
  // Recorded: 201 also where the version was there already.
  const body = configurationBody(deps.place, version, version.version)
  return { status: 201, body, ...decided(decisionId) }
}

async function list(deps: Deps, request: LambdaRequest): Promise<LambdaAnswer> {
  const check = new ConstraintCheck()
  const functionName = request.path['FunctionName'] ?? ''
  checkFunctionName(check, functionName, 'namespaced')
  const asked = readPageAsked(check, request, 10_000)
  check.finish()
  const page = await listVersions(deps, { ...asked, functionName })
  const versions = page.items.map((version) =>
    toFunctionConfiguration(deps.place, version, { qualifier: version.version, form: 'list' }),
  )
  return { status: 200, body: { Versions: versions, ...nextMarker(page.nextMarker) } }
}
