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
const RESOURCE = KMS_KEY
const ACCESS_POINT =
  'arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\\d{1}:\\d{12}:access-point/fsap-[a-f0-9]{17}'
const MOUNT_PATH = '/mnt/[a-zA-Z0-9-_.]+'
const LOG_GROUP = '[\\.\\-_/#A-Za-z0-9]+'
const LAYER_VERSION =
  '(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)'
const ARCHITECTURES = ['x86_64', 'arm64']
const LAYER_ARN_MAX = 2_048

/** Asked for, and not to be had here: said so instead of silently left out. */
const NOT_BUILT = ['ImageConfig', 'TenancyConfig', 'CapacityProviderConfig', 'PublishTo']

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
  readFileSystems(check, body)
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
    DeadLetterConfig: readDeadLetter(check, body),
    DurableConfig: readDurable(check, body),
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
  // AWS mounts them through a VPC, and there is none here.
  if (Array.isArray(fileSystems) && fileSystems.length > 0) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Function must be configured to execute in a VPC to reference access points.',
    )
  }
  const [first] = NOT_BUILT.filter((name) => (body[name] ?? undefined) !== undefined)
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

function readDeadLetter(
  check: ConstraintCheck,
  body: JsonObject,
): ConfigurationInput['DeadLetterConfig'] {
  const config = objectMember(body, 'DeadLetterConfig')
  if (config === undefined) return undefined
  const target = textMember(config, 'TargetArn')
  check.pattern('deadLetterConfig.targetArn', target, anchored(RESOURCE), RESOURCE)
  return { TargetArn: target }
}

/** Kept for durable executions to come; a function with it is invoked as any other meanwhile. */
function readDurable(
  check: ConstraintCheck,
  body: JsonObject,
): ConfigurationInput['DurableConfig'] {
  const config = objectMember(body, 'DurableConfig')
  if (config === undefined) return undefined
  const days = integerMember(config, 'RetentionPeriodInDays')
  check.range('durableConfig.retentionPeriodInDays', days, { min: 1, max: 90 })
  const timeout = integerMember(config, 'ExecutionTimeout')
  check.range('durableConfig.executionTimeout', timeout, { min: 1, max: 31_622_400 })
  return { RetentionPeriodInDays: days, ExecutionTimeout: timeout }
}

function readFileSystems(check: ConstraintCheck, body: JsonObject): void {
  const list = body['FileSystemConfigs']
  if (!Array.isArray(list)) return
  check.length('fileSystemConfigs', list, { max: 1 })
  for (const [at, item] of list.entries()) {
    const config = objectMember({ item }, 'item') ?? {}
    const where = `fileSystemConfigs.${at + 1}.member`
    const arn = textMember(config, 'Arn')
    if (check.required(`${where}.arn`, arn))
      check.pattern(`${where}.arn`, arn, anchored(ACCESS_POINT), ACCESS_POINT)
    const path = textMember(config, 'LocalMountPath')
    if (check.required(`${where}.localMountPath`, path))
      check.pattern(`${where}.localMountPath`, path, anchored(MOUNT_PATH), MOUNT_PATH)
  }
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
