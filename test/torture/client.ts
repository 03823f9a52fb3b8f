import { setTimeout as sleep } from 'node:timers/promises'

import { LambdaServiceException, type LambdaClient } from '@aws-sdk/client-lambda'

import { nothing, type Expected } from './expected.ts'
import { namesOf, nextStep, type Step, type Workshop } from './steps.ts'

/** How long a 409 (an update is in progress) is waited out before another step is tried. */
const BUSY_MS = 15

/** One client of the load: it changes its own functions, one call at a time, and remembers what was acknowledged. */
export class TortureClient {
  readonly shop: Workshop
  now: Expected = nothing
  /** The call that got no answer: it may have happened or not. */
  uncertain: Step | undefined
  acknowledged = 0
  /** Answers that no client should ever get. */
  readonly wrong: string[] = []
  /** The decisions under which changes were acknowledged. */
  readonly decisions: string[] = []
  /** Every function name it ever used: the deleted ones must stay deleted. */
  readonly functionNames: readonly string[]
  /** Whether an answer of this status may be got at all: the change then happened or not, as where no answer came. */
  tolerates: (status: number | undefined) => boolean = () => false

  constructor(shop: Workshop) {
    this.shop = shop
    this.functionNames = namesOf(shop)
  }

  /** Works until the service is gone. */
  async work(
    client: LambdaClient,
    choose: (shop: Workshop, now: Expected) => Step = nextStep,
  ): Promise<void> {
    this.#rememberDecisions(client)
    while (this.uncertain === undefined && this.wrong.length === 0) {
      await this.once(client, choose(this.shop, this.now))
    }
  }

  /** Sends one step, again while the service says that something is in progress. */
  async once(client: LambdaClient, step: Step): Promise<void> {
    for (;;) {
      try {
        const difference = await step.send(client)
        this.acknowledged += 1
        this.now = step.after
        if (difference !== undefined) this.wrong.push(`${step.what}: ${difference}`)
        return
      } catch (error) {
        if (!(error instanceof LambdaServiceException)) {
          this.uncertain = step
          return
        }
        const { httpStatusCode } = error.$metadata
        if (this.tolerates(httpStatusCode)) {
          this.uncertain = step
          return
        }
        if (error.name !== 'ResourceConflictException' || httpStatusCode !== 409) {
          this.wrong.push(`${step.what}: ${httpStatusCode} ${error.name}: ${error.message}`)
          return
        }
        await sleep(BUSY_MS)
      }
    }
  }

  #rememberDecisions(client: LambdaClient): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        const answered = await next(args)
        const { headers } = answered.response as { headers?: Record<string, string> }
        const id = headers?.['x-lacre-decision-id']
        if (id !== undefined) this.decisions.push(id)
        return answered
      },
      { step: 'deserialize', name: 'rememberDecisions', override: true },
    )
  }
}
