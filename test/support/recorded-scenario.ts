import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, expect, it } from 'vitest'

import {
  Comparison,
  recorded,
  recordedNames,
  recordedThere,
  type Recorded,
  type RecordedAnswers,
} from './recorded.ts'
import {
  runningStage,
  stillStage,
  type Command,
  type Stage,
  type WireAnswered,
} from './recorded-stage.ts'

/** One scenario being played again: each of its steps is sent, and its answer held against AWS's. */
export class Run {
  readonly stage: Stage
  readonly #answers: RecordedAnswers
  readonly #same = new Comparison()
  readonly #done = new Set<string>()

  constructor(stage: Stage, answers: RecordedAnswers) {
    this.stage = stage
    this.#answers = answers
  }

  /** Sends and compares. */
  async step(name: string, command: Command): Promise<WireAnswered> {
    const ours = await this.stage.send(command)
    this.same(name, ours)
    return ours
  }

  /** AWS's answer of a step; what the recorder's helper wrapped is taken out. */
  theirs(name: string): Recorded {
    const answer = this.#answers[name]
    if (answer === undefined) throw new Error(`no step ${name} was recorded`)
    return (answer['CreateFunctionResponse'] as Recorded | undefined) ?? answer
  }

  same(name: string, ours: WireAnswered, theirs = this.theirs(name)): void {
    this.#done.add(name)
    expect(this.#same.differences(ours, theirs), name).toEqual([])
  }

  /** A step whose answer is another matter; the document says why. */
  leaveOut(name: string): void {
    this.#done.add(name)
  }

  settle(functionName: string, qualifier?: string): Promise<void> {
    return this.stage.settle(functionName, qualifier)
  }

  finish(): void {
    const missing = Object.keys(this.#answers).filter((name) => !this.#done.has(name))
    expect(missing, 'steps not compared').toEqual([])
  }
}

type Play = (name: string, act: (run: Run) => Promise<void>) => void

export interface RecordedClass {
  /** The service waits for `settle`; nothing runs. */
  readonly still: Play
  /** The same, on one stage with the others of the class: what leaves nothing behind. */
  readonly together: Play
  /** The service as it is. */
  readonly running: Play
  /** Closes the class: every scenario that is not played stands in the document with its reason. */
  readonly rest: () => void
}

/** The scenarios of one recorded file. */
export function recordedClass(file: string): RecordedClass {
  const played = new Set<string>()
  const play = (name: string, act: (run: Run) => Promise<void>, open: () => Promise<Stage>) => {
    played.add(name)
    it.skipIf(!recordedThere)(`answers ${name} as AWS did`, async () => {
      await using stage = await open()
      const run = new Run(stage, recorded(file, name))
      await act(run)
      run.finish()
    })
  }
  let shared: Promise<Stage> | undefined
  afterAll(async () => await (await shared)?.[Symbol.asyncDispose]())
  return {
    still: (name, act) => play(name, act, stillStage),
    together: (name, act) =>
      play(name, act, async () => {
        shared ??= stillStage()
        return { ...(await shared), [Symbol.asyncDispose]: () => Promise.resolve() }
      }),
    running: (name, act) => play(name, act, runningStage),
    rest: () => {
      it.skipIf(!recordedThere)('leaves out only what the document names', () => {
        const left = leftOut()
        const unnamed = recordedNames(file).filter(
          (name) => !played.has(name) && !left.has(`${file}::${name}`),
        )
        expect(unnamed).toEqual([])
      })
    },
  }
}

/** The table "Recorded answers left out" of docs/lambda-api.md: `TestX::test_y` in the first column. */
function leftOut(): ReadonlySet<string> {
  const path = join(import.meta.dirname, '../../docs/lambda-api.md')
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  return new Set([...text.matchAll(/^\| `(Test\w+::[^`]+)`/gm)].map((match) => match[1] ?? ''))
}
