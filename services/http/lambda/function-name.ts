import { PlatformError, parseFunctionReference } from '../../model/index.ts'
import type { LambdaRequest } from './handler.ts'
import { queryMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

const REGION = '(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}'
/** As AWS prints them (recorded: TestLambdaFunction). */
const STRICT = `(arn:(aws[a-zA-Z-]*)?:lambda:)?(${REGION}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?`
const NAMESPACED = `(arn:(aws[a-zA-Z-]*)?:lambda:)?(${REGION}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`
const QUALIFIER = '\\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+'

/** The two forms of AWS's model: the older operations take 140 characters, the newer ones 256 and dots. */
const FORMS = {
  strict: { pattern: anchored(STRICT), shown: STRICT, max: 140 },
  namespaced: { pattern: anchored(NAMESPACED), shown: NAMESPACED, max: 256 },
} as const

const BARE_NAME_MAX = 64

export function anchored(source: string): RegExp {
  return new RegExp(`^(?:${source})$`)
}

export function checkFunctionName(
  check: ConstraintCheck,
  name: string | undefined,
  form: keyof typeof FORMS,
): void {
  const { pattern, shown, max } = FORMS[form]
  if (!check.required('functionName', name)) return
  check.length('functionName', name, { min: 1, max })
  check.pattern('functionName', name, pattern, shown)
}

/** Recorded: the bare name is measured after the constraints, under another error type. */
export function checkBareName(text: string): void {
  const name = parseFunctionReference(text)?.name ?? ''
  if (name.length <= BARE_NAME_MAX) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `1 validation error detected: Value '${name}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to ${BARE_NAME_MAX}`,
  )
}

export function checkQualifier(check: ConstraintCheck, qualifier: string | undefined): void {
  check.length('qualifier', qualifier, { min: 1, max: 128 })
  check.pattern('qualifier', qualifier, anchored(QUALIFIER), QUALIFIER)
}

/** Function and qualifier of a request, checked in the order AWS tells them. */
export function readAsked(
  check: ConstraintCheck,
  request: LambdaRequest,
): { readonly functionName: string; readonly qualifier: string | undefined } {
  const functionName = request.path['FunctionName'] ?? ''
  const qualifier = queryMember(request, 'Qualifier')
  checkQualifier(check, qualifier)
  checkFunctionName(check, functionName, 'namespaced')
  check.finish()
  return { functionName, qualifier }
}
