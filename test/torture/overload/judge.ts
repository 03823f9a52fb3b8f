import { median, quantile } from '../../bench/statistics.ts'
import type { Answer } from './volley.ts'

const GOODPUT_SHARE = 0.9
const SLOWDOWN_LIMIT = 2
const QUIET_SUCCESS = 0.95
/** Within this share of what was measured before, a service is as it was; what else the machine does is in both. */
const NORMAL_SHARE = 0.8
const MIB = 1_048_576
/** What a heap may grow by that is not yet collected; a queue without an end grows by more. */
const RSS_LIMIT_BYTES = 96 * MIB

export interface Pace {
  /** Answers of 200 a second. */
  readonly rate: number
  readonly p99Ms: number
  /** Answers that were none of 200. */
  readonly others: number
}

/** One overload, and capacity on both sides of it. */
export interface Slice {
  readonly seconds: number
  readonly before: Pace
  readonly after: Pace
  readonly greedy: readonly Answer[]
  readonly quiet: readonly Answer[]
  /** Once a second, bytes. */
  readonly rss: readonly number[]
  readonly recoveredMs: number
}

/** A moment in which places and queue fill. */
const RAMP_MS = 1_000

/** How many were answered a second between the ramp and the last request, and how fast. */
export function paceOf(answers: readonly Answer[], seconds: number): Pace {
  const first = Math.min(...answers.map(({ atMs, tookMs }) => atMs - tookMs))
  const done = answers.filter(({ status }) => status === 200)
  const within = done.filter(
    ({ atMs }) => atMs >= first + RAMP_MS && atMs < first + seconds * 1_000,
  )
  return {
    rate: within.length / (seconds - RAMP_MS / 1_000),
    p99Ms: quantile(
      done.map(({ tookMs }) => tookMs),
      0.99,
    ),
    others: answers.length - done.length,
  }
}

export function isNormal(now: Pace, before: Pace): boolean {
  return (
    now.others === 0 &&
    now.rate >= before.rate * NORMAL_SHARE &&
    now.p99Ms <= before.p99Ms * SLOWDOWN_LIMIT
  )
}

/** The middle one of each figure over the slices; what is counted, over all of them. */
interface Figures {
  readonly capacity: number
  readonly capacityP99Ms: number
  readonly goodput: number
  readonly slowdown: number
  readonly quietSlowdown: number
  readonly quietDone: number
  readonly greedyDone: number
  readonly refused: number
  readonly answers: number
  readonly strange: number
  readonly grownBytes: number
  readonly recoveredMs: number
}

function figuresOf(slices: readonly Slice[]): Figures {
  const each = slices.map((slice) => {
    const { before, after, greedy, quiet, seconds } = slice
    const capacity = (before.rate + after.rate) / 2
    const capacityP99Ms = (before.p99Ms + after.p99Ms) / 2
    const all = paceOf([...greedy, ...quiet], seconds)
    return {
      capacity,
      capacityP99Ms,
      goodput: all.rate / capacity,
      slowdown: all.p99Ms / capacityP99Ms,
      quietSlowdown: paceOf(quiet, seconds).p99Ms / capacityP99Ms,
    }
  })
  const of = (name: keyof (typeof each)[number]): number => median(each.map((one) => one[name]))
  const greedy = slices.flatMap((slice) => slice.greedy)
  const quiet = slices.flatMap((slice) => slice.quiet)
  const all = [...greedy, ...quiet]
  return {
    capacity: of('capacity'),
    capacityP99Ms: of('capacityP99Ms'),
    goodput: of('goodput'),
    slowdown: of('slowdown'),
    quietSlowdown: of('quietSlowdown'),
    quietDone: shareDone(quiet),
    greedyDone: shareDone(greedy),
    refused: all.filter(({ status }) => status === 429).length,
    answers: all.length,
    strange: all.filter(({ status }) => status !== 200 && status !== 429).length,
    grownBytes: Math.max(...slices.flatMap(({ rss }) => rss)) - (slices[0]?.rss[0] ?? 0),
    recoveredMs: Math.max(...slices.map((slice) => slice.recoveredMs)),
  }
}

interface Judgement {
  /** What must never be. */
  readonly faults: readonly string[]
  /** Figures that were missed. */
  readonly missed: readonly string[]
}

export function judge(
  factor: number,
  slices: readonly Slice[],
  recoveryLimitMs: number,
): Judgement {
  const found = figuresOf(slices)
  // What is offered beyond capacity, less what a machine that is slow for a while changes in that.
  const surplus = (found.answers * (1 - 1 / factor)) / 2
  const rules: readonly (readonly [boolean, string])[] = [
    [found.refused >= surplus, `only ${found.refused} were refused`],
    [found.goodput >= GOODPUT_SHARE, 'too little was done'],
    [found.slowdown <= SLOWDOWN_LIMIT, 'what was taken in took too long'],
    [found.quietDone >= QUIET_SUCCESS, 'the quiet caller was refused'],
    [found.quietSlowdown <= SLOWDOWN_LIMIT, 'the quiet caller waited too long'],
    [found.grownBytes <= RSS_LIMIT_BYTES, 'memory grew'],
    [found.recoveredMs <= recoveryLimitMs, 'it was not as before in time'],
  ]
  const { strange } = found
  return {
    faults: strange === 0 ? [] : [`${strange} answers were neither 200 nor AWS's 429`],
    missed: rules.filter(([holds]) => !holds).map(([, what]) => what),
  }
}

export function describe(factor: number, slices: readonly Slice[]): string {
  const found = figuresOf(slices)
  return [
    `  ${factor} times capacity (${found.capacity.toFixed(1)}/s, p99 ${found.capacityP99Ms.toFixed(0)} ms)`,
    `${percent(found.goodput)} of it done, p99 ${found.slowdown.toFixed(2)} times`,
    `${found.refused} of ${found.answers} refused`,
    `the quiet caller ${percent(found.quietDone)} done, p99 ${found.quietSlowdown.toFixed(2)} times; the greedy one ${percent(found.greedyDone)}`,
    `memory ${(found.grownBytes / MIB).toFixed(1)} MiB more`,
    `as before after ${(found.recoveredMs / 1_000).toFixed(1)} s`,
  ].join('; ')
}

function shareDone(answers: readonly Answer[]): number {
  return answers.filter(({ status }) => status === 200).length / answers.length
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
