import { describe, expect, it } from 'vitest'

import {
  toAwsAnswer,
  toGovernanceAnswer,
  toPlatformError,
} from '../../../services/http/error-answer.ts'
import { checkListener } from '../../../services/http/index.ts'
import { ConstraintCheck } from '../../../services/http/lambda/validation.ts'
import { PlatformError } from '../../../services/model/index.ts'

describe('constraint failures', () => {
  it('are all told at once, in the words of AWS', () => {
    const check = new ConstraintCheck()
    check.required('runtime', null)
    check.length('functionName', 'a'.repeat(65), { max: 64 })
    check.pattern('qualifier', '1', /^(?!^\d+$)[0-9a-zA-Z-_]+$/, '((?!^\\d+$)^[0-9a-zA-Z-_]+$)')
    check.oneOf('recursiveLoop', 'x', ['Terminate', 'Allow'])
    check.range('provisionedConcurrentExecutions', 0, { min: 1 })
    check.length('architectures', ['x86_64', 'arm64'], { max: 1 })

    expect(() => check.finish()).toThrow(
      [
        "6 validation errors detected: Value null at 'runtime' failed to satisfy constraint: Member must not be null",
        ` Value '${'a'.repeat(65)}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64`,
        " Value '1' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)",
        " Value 'x' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]",
        " Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1",
        " Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1",
      ].join(';'),
    )
  })

  it('say nothing where there are none', () => {
    const check = new ConstraintCheck()
    check.length('a', undefined, { min: 1 })
    check.range('b', 5, { min: 1, max: 5 })

    expect(() => check.finish()).not.toThrow()
  })

  it('name one as one', () => {
    const check = new ConstraintCheck()
    check.fail(
      'routingConfig.additionalVersionWeights',
      { $LATEST: 0.5 },
      'Map keys must satisfy constraint: […]',
    )

    expect(() => check.finish()).toThrow(
      "1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: […]",
    )
  })
})

describe('answers to errors', () => {
  it('have the key that the error has at AWS, its type and its decision', () => {
    const answer = toAwsAnswer(
      new PlatformError('CODE_VERIFICATION_FAILED', 'no', { decisionId: 'dec-1' }),
    )

    expect(answer).toEqual({
      status: 400,
      headers: {
        'content-type': 'application/json',
        'x-amzn-ErrorType': 'CodeVerificationFailedException',
        'x-lacre-decision-id': 'dec-1',
      },
      body: '{"Type":"User","Message":"no"}',
    })
  })

  it('tell a throttled caller why and when to come again', () => {
    const answer = toAwsAnswer(
      new PlatformError('TOO_MANY_REQUESTS', 'Rate Exceeded.', {
        detail: { reason: 'ConcurrentInvocationLimitExceeded', retryAfterSeconds: 2 },
      }),
    )

    expect(answer.headers?.['Retry-After']).toBe('2')
    expect(answer.body).toBe(
      '{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
    )
  })

  it('say nothing of what went wrong inside', () => {
    const error = toPlatformError(new TypeError('secret path /var/lib'))

    expect(toAwsAnswer(error)).toMatchObject({
      status: 500,
      body: '{"Type":"Service","Message":"The service encountered an internal error."}',
    })
    expect(toGovernanceAnswer(new PlatformError('INTERNAL', 'a detail')).body).not.toContain(
      'detail',
    )
  })

  it('turn a full disk into 503, whoever met it', () => {
    const error = Object.assign(new Error('write'), { code: 'ENOSPC' })

    expect(toAwsAnswer(toPlatformError(error)).status).toBe(503)
  })
})

describe('where to listen', () => {
  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('%s needs no certificate', (host) => {
    expect(() => checkListener({ host, port: 0 })).not.toThrow()
  })

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.org', '128.0.0.1', '127.0.0.1.example.org'])(
    '%s is refused without TLS, and taken with it or behind a named proxy',
    (host) => {
      expect(() => checkListener({ host, port: 0 })).toThrow(/not a loopback address/)
      expect(() => checkListener({ host, port: 0, tls: { cert: 'c', key: 'k' } })).not.toThrow()
      expect(() => checkListener({ host, port: 0, trustProxy: 'nginx' })).not.toThrow()
    },
  )
})
