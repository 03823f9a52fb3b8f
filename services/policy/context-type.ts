import type { NamespaceDefinition, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs'

/** Cedar's JSON form of a type, as far as it is looked into. */
export interface TypeForm {
  readonly type: string
  readonly name?: string
  readonly required?: boolean
  readonly element?: TypeForm
  readonly attributes?: Readonly<Record<string, TypeForm>>
  readonly additionalAttributes?: boolean
}

/** Where the names of types are looked up. */
interface Types {
  readonly schema: SchemaJson<string>
  /** The namespace that the name stands in. */
  readonly own: NamespaceDefinition<string> | undefined
}

/** Fewer digits than the engine takes, so that none overflows. */
const DECIMAL = /^-?\d{1,14}\.\d{1,4}$/
const INSTANT = /^\d{4}-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
const DAYS_OF_MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/**
 * Whether the engine would surely take a value of a request's context as one of a type. A no means that it is not known
 * here (entities, rare extensions, 29 February, names with more than one meaning), and the engine has to be asked.
 */
export function isOfType(value: unknown, form: TypeForm, types: Types): boolean {
  switch (form.type) {
    case 'String':
      return typeof value === 'string' && value.isWellFormed()
    case 'Long':
      return Number.isSafeInteger(value)
    case 'Bool':
    case 'Boolean':
      return typeof value === 'boolean'
    case 'Extension':
      return isExtension(value, form.name)
    case 'Set': {
      const { element } = form
      return (
        element !== undefined &&
        Array.isArray(value) &&
        value.every((one) => isOfType(one, element, types))
      )
    }
    case 'Record':
      return isRecord(value, form, types)
    case 'EntityOrCommon':
      return isNamed(value, form.name ?? '', types)
    default:
      return false
  }
}

function isRecord(value: unknown, form: TypeForm, types: Types): boolean {
  const { attributes = {}, additionalAttributes = false } = form
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (additionalAttributes) return false
  const present = Object.entries(value)
  return (
    present.every(([name, one]) => {
      const type = Object.hasOwn(attributes, name) ? attributes[name] : undefined
      return type !== undefined && isOfType(one, type, types)
    }) &&
    Object.entries(attributes).every(
      ([name, { required = true }]) => !required || Object.hasOwn(value, name),
    )
  )
}

/** A common type of the same namespace, or one that is built in where nothing in the schema is called so. */
function isNamed(value: unknown, name: string, types: Types): boolean {
  const common = types.own?.commonTypes
  if (common !== undefined && Object.hasOwn(common, name))
    return isOfType(value, common[name] as TypeForm, types)
  const isTaken = Object.values(types.schema).some(
    ({ commonTypes = {}, entityTypes }) =>
      Object.hasOwn(commonTypes, name) || Object.hasOwn(entityTypes, name),
  )
  if (isTaken) return false
  const builtIn = ['String', 'Long', 'Bool'].includes(name)
  return builtIn ? isOfType(value, { type: name }, types) : isExtension(value, name)
}

function isExtension(value: unknown, name: string | undefined): boolean {
  if (typeof value !== 'object' || value === null || !('__extn' in value)) return false
  const { __extn: call } = value
  if (Object.keys(value).length !== 1 || typeof call !== 'object' || call === null) return false
  if (!('fn' in call) || call.fn !== name || !('arg' in call) || typeof call.arg !== 'string')
    return false
  if (Object.keys(call).length !== 2) return false
  return (
    (name === 'decimal' && DECIMAL.test(call.arg)) || (name === 'datetime' && isInstant(call.arg))
  )
}

function isInstant(text: string): boolean {
  const [, month, day] = INSTANT.exec(text) ?? []
  const last = DAYS_OF_MONTHS[Number(month) - 1]
  return last !== undefined && Number(day) >= 1 && Number(day) <= last
}
