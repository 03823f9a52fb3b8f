import { expect, it } from 'vitest'

import { openEdge } from '../../support/edge.ts'

it('answers a built operation with what its handler says', async () => {
  await using edge = await openEdge({
    handlers: {
      GetFunction: async (request) => ({
        status: 200,
        body: { ...request.path, ...request.query } as never,
      }),
    },
  })

  const answer = await edge.ask({
    method: 'GET',
    path: '/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af',
    query: { Qualifier: '$LATEST' },
  })

  expect(answer.status).toBe(200)
  expect(answer.json()).toEqual({
    FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    Qualifier: '$LATEST',
  })
  expect(answer.headers['x-amzn-requestid']).toMatch(/^[0-9a-f-]{36}$/)
})

it('says of every other operation that it is not built, after authentication', async () => {
  await using edge = await openEdge()

  const answer = await edge.ask({ path: '/2015-03-31/functions/f/versions', body: '{}' })
  const unsigned = await edge.app.inject({
    method: 'POST',
    url: '/2015-03-31/functions/f/versions',
  })

  expect(answer.status).toBe(400)
  expect(answer.headers['x-amzn-errortype']).toBe('InvalidParameterValueException')
  expect(answer.json()).toEqual({
    Type: 'User',
    message: 'PublishVersion is not built in this version',
  })
  expect(unsigned.statusCode).toBe(403)
  expect(unsigned.headers['x-amzn-errortype']).toBe('MissingAuthenticationTokenException')
})

it.each(['/', '/2015-03-31/nothing', '/2015-03-31//functions', '/2015-03-31/functions/%zz'])(
  'knows no operation at %s',
  async (url) => {
    await using edge = await openEdge()

    const answer = await edge.app.inject({ method: 'GET', url })

    expect([400, 404]).toContain(answer.statusCode)
    expect(answer.headers['x-amzn-errortype']).toMatch(
      /UnknownOperationException|InvalidParameterValueException/,
    )
  },
)
