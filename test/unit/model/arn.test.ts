import { describe, expect, test } from 'vitest'

import {
  functionArn,
  parseFunctionReference,
  parseLayerVersionArn,
  parsePublisherVersionArn,
  publisherVersionArn,
} from '../../../services/model/index.ts'

const place = { account: '000000000000', region: 'us-east-1' }

describe('a function may be named', () => {
  test.each([
    ['orders', { name: 'orders' }],
    ['orders:prod', { name: 'orders', qualifier: 'prod' }],
    ['orders:$LATEST', { name: 'orders', qualifier: '$LATEST' }],
    ['000000000000:function:orders', { name: 'orders', account: '000000000000' }],
    [
      functionArn(place, 'orders', '7'),
      { name: 'orders', qualifier: '7', account: '000000000000', region: 'us-east-1' },
    ],
  ])('%s', (text, expected) => {
    expect(parseFunctionReference(text)).toMatchObject(expected)
  })
})

test.each(['', 'a b', 'invalid:function:name', 'orders:a:b', 'arn:aws:iam::1:role/x', 'orders\n'])(
  '%j names no function',
  (text) => {
    expect(parseFunctionReference(text)).toBeUndefined()
  },
)

test('a publisher version is named by an ARN of this place alone, and never without its version', () => {
  const arn = publisherVersionArn(place, 'ci', 'AbCdEf1234')

  expect(parsePublisherVersionArn(place, arn)).toEqual({ name: 'ci', version: 'AbCdEf1234' })
  expect(parsePublisherVersionArn({ ...place, region: 'eu-west-1' }, arn)).toBeUndefined()
  expect(parsePublisherVersionArn(place, arn.replace('/AbCdEf1234', ''))).toBeUndefined()
  expect(parsePublisherVersionArn(place, `${arn}\n`)).toBeUndefined()
})

test('a layer version ARN gives its parts', () => {
  expect(parseLayerVersionArn('arn:aws:lambda:us-east-1:000000000000:layer:shared:3')).toEqual({
    region: 'us-east-1',
    account: '000000000000',
    name: 'shared',
    version: 3,
  })
})
