import { body } from './body.ts'
import { bundle } from './bundle.ts'
import { der } from './der.ts'
import { policy } from './policy.ts'
import { runtime } from './runtime.ts'
import { sigv4 } from './sigv4.ts'
import type { Target } from './target.ts'
import { zip } from './zip.ts'

/** Every door, by its name; `corpus/NAME` holds what once came in by it. */
export const targets: Readonly<Record<string, Target>> = {
  zip,
  der,
  bundle,
  sigv4,
  policy,
  runtime,
  body,
}
