/** The corpora that can be run, in the order they are. */
import type { Corpus } from '../corpus.ts'
import { corpus as cedar } from './cedar.ts'
import { corpus as attestations } from './attestations.ts'
import { corpus as cms } from './cms.ts'
import { corpus as jsonInput } from './json-input.ts'
import { corpus as lambdaEvents } from './lambda-events.ts'
import { corpus as jose } from './jose.ts'
import { corpus as merkle } from './merkle.ts'
import { corpus as sigstoreBundles } from './sigstore-bundles.ts'
import { corpus as sigv4 } from './sigv4.ts'
import { corpus as wycheproof } from './wycheproof.ts'
import { corpus as limbo } from './x509-limbo.ts'
import { corpus as openssl } from './x509-openssl.ts'
import { corpus as pkits } from './x509-pkits.ts'
import { corpus as zip } from './zip-service.ts'

export const corpora: readonly Corpus[] = [
  zip,
  sigv4,
  jose,
  jsonInput,
  lambdaEvents,
  merkle,
  cms,
  cedar,
  limbo,
  openssl,
  pkits,
  sigstoreBundles,
  attestations,
  wycheproof,
]
