import type { ConfigurationInput } from '../../catalog/index.ts'
import { PlatformError, limits } from '../../model/index.ts'
import { checkEnvironment, readEnvironment } from './environment-input.ts'
import { anchored } from './function-name.ts'
import type { JsonObject } from './handler.ts'
import { integerMember, objectMember, textMember, textsMember } from './members.ts'
import { checkRuntime } from './runtimes.ts'
import type { ConstraintCheck } from './validation.ts'

const ROLE = 'arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+'
const HANDLER = '[^\\s]+'
const KMS_KEY = '(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()'
const LOG_GROUP = '[\\.\\-_/#A-Za-z0-9]+'
const LAYER_VERSION =
  '(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)'
const ARCHITECTURES = ['x86_64', 'arm64']
const LAYER_ARN_MAX = 2_048

/** Asked for, and not to be had here: said so instead of silently left out. */
const NOT_BUILT = [
  'ImageConfig',
  'TenancyConfig',
  'CapacityProviderConfig',
  'DurableConfig',
  'PublishTo',
]

/**
 * The members that a create and an update of the configuration share. Constraint failures are collected in `check`;
 * what AWS refuses after them, `checkConfiguration` does.
 */
export function readConfiguration(check: ConstraintCheck, body: JsonObject): ConfigurationInput {
  const role = textMember(body, 'Role')
  check.pattern('role', role, anchored(ROLE), ROLE)
  const handler = textMember(body, 'Handler')
  check.length('handler', handler, { max: 128 })
  if (handler !== '') check.pattern('handler', handler, anchored(HANDLER), HANDLER)
  const description = textMember(body, 'Description')
  check.length('description', description, { max: 256 })
  const timeout = integerMember(body, 'Timeout')
  check.range('timeout', timeout, { min: 1, max: limits.TIMEOUT_LIMIT_SECONDS })
  const memory = integerMember(body, 'MemorySize')
  check.range('memorySize', memory, { min: limits.MEMORY_MIN_MB, max: limits.MEMORY_MAX_MB })
  const kmsKey = textMember(body, 'KMSKeyArn')
  check.pattern('kMSKeyArn', kmsKey, anchored(KMS_KEY), KMS_KEY)
  return {
    Runtime: textMember(body, 'Runtime'),
    Role: role,
    Handler: handler,
    Description: description,
    Timeout: timeout,
    MemorySize: memory,
    EphemeralStorage: readEphemeralStorage(check, body),
    LoggingConfig: readLogging(check, body),
    TracingConfig: readChoice(check, body, ['TracingConfig', 'Mode', ['Active', 'PassThrough']]),
    SnapStart: readChoice(check, body, ['SnapStart', 'ApplyOn', ['PublishedVersions', 'None']]),
    Environment: readEnvironment(check, body),
    DeadLetterConfig: readDeadLetter(body),
    KMSKeyArn: kmsKey,
    VpcConfig: readVpc(check, body),
  }
}

/** What AWS looks at once the constraints hold. @throws PlatformError INVALID_PARAMETER, NOT_BUILT */
export function checkConfiguration(body: JsonObject, given: ConfigurationInput): void {
  checkRuntime(given.Runtime)
  checkEnvironment(given.Environment)
  const [subnet] = given.VpcConfig?.SubnetIds ?? []
  if (subnet !== undefined) {
    throw notFoundInEc2(
      'DescribeSubnets',
      `InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID '${subnet}' does not exist`,
    )
  }
  const [group] = given.VpcConfig?.SecurityGroupIds ?? []
  if (group !== undefined) {
    throw notFoundInEc2(
      'DescribeSecurityGroups',
      `InvalidGroup.NotFound. EC2 Error Message: The security group '${group}' does not exist`,
    )
  }
  const fileSystems = body['FileSystemConfigs']
  const asked = NOT_BUILT.filter((name) => (body[name] ?? undefined) !== undefined)
  if (Array.isArray(fileSystems) && fileSystems.length > 0) asked.push('FileSystemConfigs')
  const [first] = asked
  if (first !== undefined)
    throw new PlatformError('NOT_BUILT', `\`${first}\` is not built in this version`)
}

/** There is no VPC here, so that no subnet or group exists (recorded sentences). */
function notFoundInEc2(call: string, why: string): PlatformError {
  return new PlatformError(
    'INVALID_PARAMETER',
    `Error occurred while ${call}. EC2 Error Code: ${why}`,
  )
}

export function readArchitectures(
  check: ConstraintCheck,
  body: JsonObject,
  at = 'architectures',
): readonly string[] | undefined {
  const name = at === 'architectures' ? 'Architectures' : 'CompatibleArchitectures'
  const list = textsMember(body, name)
  if (list === undefined) return undefined
  if (at === 'architectures') check.length(at, list, { min: 1, max: 1 })
  else check.length(at, list, { max: 2 })
  if (!list.every((one) => ARCHITECTURES.includes(one))) {
    check.fail(
      at,
      list,
      `Member must satisfy constraint: [Member must satisfy enum value set: [${ARCHITECTURES.join(', ')}], Member must not be null]`,
    )
  }
  return list
}

export function readLayerArns(
  check: ConstraintCheck,
  body: JsonObject,
): readonly string[] | undefined {
  const arns = textsMember(body, 'Layers')
  const pattern = anchored(LAYER_VERSION)
  if (arns?.every((arn) => arn.length <= LAYER_ARN_MAX && pattern.test(arn)) === false) {
    check.fail(
      'layers',
      arns,
      `Member must satisfy constraint: [Member must have length less than or equal to ${LAYER_ARN_MAX}, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ${LAYER_VERSION}, Member must not be null]`,
    )
  }
  return arns
}

function readEphemeralStorage(
  check: ConstraintCheck,
  body: JsonObject,
): { readonly Size: number } | undefined {
  const storage = objectMember(body, 'EphemeralStorage')
  if (storage === undefined) return undefined
  const size = integerMember(storage, 'Size')
  if (!check.required('ephemeralStorage.size', size)) return undefined
  check.range('ephemeralStorage.size', size, {
    min: limits.EPHEMERAL_MIN_MB,
    max: limits.EPHEMERAL_MAX_MB,
  })
  return size === undefined ? undefined : { Size: size }
}

function readLogging(
  check: ConstraintCheck,
  body: JsonObject,
): ConfigurationInput['LoggingConfig'] {
  const logging = objectMember(body, 'LoggingConfig')
  if (logging === undefined) return undefined
  const format = textMember(logging, 'LogFormat')
  check.oneOf('loggingConfig.logFormat', format, ['JSON', 'Text'])
  const application = textMember(logging, 'ApplicationLogLevel')
  const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']
  check.oneOf('loggingConfig.applicationLogLevel', application, levels)
  const system = textMember(logging, 'SystemLogLevel')
  check.oneOf('loggingConfig.systemLogLevel', system, ['DEBUG', 'INFO', 'WARN'])
  const group = textMember(logging, 'LogGroup')
  check.length('loggingConfig.logGroup', group, { min: 1, max: 512 })
  check.pattern('loggingConfig.logGroup', group, anchored(LOG_GROUP), LOG_GROUP)
  return {
    LogFormat: format,
    LogGroup: group,
    ApplicationLogLevel: application,
    SystemLogLevel: system,
  }
}

/** A structure with one enumerated member. */
function readChoice<M extends string>(
  check: ConstraintCheck,
  body: JsonObject,
  [name, member, allowed]: readonly [string, M, readonly string[]],
): { readonly [m in M]?: string } | undefined {
  const structure = objectMember(body, name)
  if (structure === undefined) return undefined
  const value = textMember(structure, member)
  check.oneOf(`${camel(name)}.${camel(member)}`, value, allowed)
  return { [member]: value } as { readonly [m in M]?: string }
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function readDeadLetter(body: JsonObject): ConfigurationInput['DeadLetterConfig'] {
  const config = objectMember(body, 'DeadLetterConfig')
  return config === undefined ? undefined : { TargetArn: textMember(config, 'TargetArn') }
}

function readVpc(check: ConstraintCheck, body: JsonObject): ConfigurationInput['VpcConfig'] {
  const config = objectMember(body, 'VpcConfig')
  if (config === undefined) return undefined
  const subnets = textsMember(config, 'SubnetIds')
  checkIds(check, { at: 'vpcConfig.subnetIds', ids: subnets, shown: 'subnet-[0-9a-z]*' })
  const groups = textsMember(config, 'SecurityGroupIds')
  checkIds(check, { at: 'vpcConfig.securityGroupIds', ids: groups, shown: 'sg-[0-9a-zA-Z]*' })
  return { SubnetIds: subnets, SecurityGroupIds: groups }
}

function checkIds(
  check: ConstraintCheck,
  about: {
    readonly at: string
    readonly ids: readonly string[] | undefined
    readonly shown: string
  },
): void {
  const { at, ids, shown } = about
  const pattern = anchored(shown)
  if (ids?.every((id) => id.length <= 1_024 && pattern.test(id)) !== false) return
  check.fail(
    at,
    ids,
    `Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: ${shown}]`,
  )
}
