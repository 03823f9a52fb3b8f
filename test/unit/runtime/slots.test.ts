import { describe, expect, it } from 'vitest'

import { isSwitchedOff, Slots } from '../../../services/runtime/slots.ts'

const cap = (reserved: number | undefined, provisioned: Record<string, number> = {}) => ({
  reserved,
  provisioned: new Map(Object.entries(provisioned)),
})

const refused = expect.objectContaining({
  code: 'TOO_MANY_REQUESTS',
  detail: { reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
}) as Error

describe('reserved concurrency', () => {
  it('lets in as many at once as are reserved, over all versions, and the next one when one has left', () => {
    const slots = new Slots()
    const { leave } = slots.enter('fn', '1', cap(2))
    slots.enter('fn', '2', cap(2))

    expect(() => slots.enter('fn', '3', cap(2))).toThrow(refused)
    expect(() => slots.enter('other', '1', cap(2))).not.toThrow()
    leave()
    expect(() => slots.enter('fn', '3', cap(2))).not.toThrow()
  })

  it('keeps what a version has provisioned for that version', () => {
    const slots = new Slots()
    const shared = cap(3, { '1': 2 })
    slots.enter('fn', '$LATEST', shared)

    expect(() => slots.enter('fn', '$LATEST', shared)).toThrow(refused)
    slots.enter('fn', '1', shared)
    slots.enter('fn', '1', shared)
    expect(() => slots.enter('fn', '1', shared)).toThrow(refused)
  })

  it('tells what runs on provisioned concurrency, and what goes beyond it', () => {
    const slots = new Slots()
    const provisioned = cap(undefined, { '1': 2 })
    const used = (version: string) => slots.enter('fn', version, provisioned).used
    const { leave } = slots.enter('fn', '1', provisioned)

    expect([used('1'), used('1'), used('2')]).toEqual(['provisioned', 'spillover', 'unprovisioned'])
    expect(slots.count('fn', '1')).toBe(3)
    leave()
    expect(used('1')).toBe('spillover')
    expect(slots.count('fn', '1')).toBe(3)
  })

  it('counts nobody out where nothing is reserved', () => {
    const slots = new Slots()
    for (let count = 0; count < 50; count += 1) slots.enter('fn', '1', cap(undefined, { '2': 1 }))

    expect(isSwitchedOff('1', cap(undefined))).toBe(false)
  })

  it('is off at 0, and for those to whom nothing is left', () => {
    expect(isSwitchedOff('$LATEST', cap(0))).toBe(true)
    expect(isSwitchedOff('$LATEST', cap(2, { '1': 2 }))).toBe(true)
    expect(isSwitchedOff('1', cap(2, { '1': 2 }))).toBe(false)
  })
})
