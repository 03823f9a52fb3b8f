import { expect, it } from 'vitest'

import { openAuthenticator, type AuthenticatorOptions } from '../../../services/auth/index.ts'
import {
  EVERYTHING,
  PlatformError,
  systemClock,
  type Principal,
} from '../../../services/model/index.ts'

const ada: Principal = { id: 'usr-a', kind: 'user', name: 'ada', roles: [], claims: {} }
const asked: string[] = []

function authenticator(more: Partial<AuthenticatorOptions>) {
  return openAuthenticator({
    // A token asks neither of these two.
    store: {} as AuthenticatorOptions['store'],
    box: { seal: (text) => text, open: (text) => text },
    clock: systemClock,
    place: { account: '000000000000', region: 'us-east-1' },
    authorizer: { authorize: () => Promise.resolve(), onForget: () => {} },
    tokens: {
      principalOf: (token) => {
        asked.push(token)
        return Promise.resolve(ada)
      },
      forget: () => {},
    },
    ...more,
  })
}
const begin = (more: Partial<AuthenticatorOptions>, headers: [string, string][]) =>
  authenticator(more).begin(
    { method: 'GET', path: '/', query: '', headers },
    { services: ['lambda'], action: 'lacre:WhoAmI', resource: EVERYTHING, changing: false },
  )
const bearer: [string, string] = ['Authorization', 'Bearer a.b.c']

it('takes a token on a listener that nobody else reads, and on no other', async () => {
  const admission = await begin({ secureListener: true }, [bearer])
  expect(admission.principal).toBe(ada)
  expect(asked).toEqual(['a.b.c'])

  await expect(begin({ secureListener: false }, [bearer])).rejects.toMatchObject({
    code: 'INVALID_TOKEN',
  })
  await expect(begin({ tokens: undefined }, [bearer])).rejects.toMatchObject({
    code: 'INVALID_TOKEN',
  })
  expect(asked).toHaveLength(1)
})

it('takes none where two Authorization headers came', async () => {
  await expect(begin({}, [bearer, ['authorization', 'Bearer d.e.f']])).rejects.toMatchObject({
    code: 'INVALID_SIGNATURE',
  })
})

it('asks again once the body is there: who was disabled or lost a role meanwhile does nothing more', async () => {
  const gone = new PlatformError('ACCESS_DENIED', 'no more')
  const onceOnly = () => {
    let calls = 0
    return async (): Promise<Principal> => {
      calls += 1
      return await (calls === 1 ? Promise.resolve(ada) : Promise.reject(gone))
    }
  }
  const withToken = { secureListener: true, tokens: { principalOf: onceOnly(), forget: () => {} } }
  const asking = onceOnly()
  const withRole = {
    secureListener: true,
    authorizer: { authorize: async () => void (await asking()), onForget: () => {} },
  }

  for (const more of [withToken, withRole]) {
    const admission = await begin(more, [bearer])
    await expect(admission.finish('')).rejects.toBe(gone)
  }
})
