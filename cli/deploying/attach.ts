import {
  bufferSource,
  parseStrictJson,
  PlatformError,
  type ByteSource,
  type Json,
} from '../../services/model/index.ts'
import { writeFileFrom } from '../files.ts'
import {
  explained,
  isObject,
  narrate,
  paths,
  text,
  type Answer,
  type Service,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { uploadZip } from './upload.ts'

/**
 * Attaches a bundle to an artifact; the zip is uploaded first where the service does not have it. `undefined` where the
 * gate refused, which was told then. @throws PlatformError what the service answers
 */
export async function attachBundle(
  service: Service,
  terminal: Terminal,
  given: {
    readonly codeSha256: string
    readonly source: ByteSource
    readonly bundle: Uint8Array
  },
): Promise<Json | undefined> {
  const answer = await explained(service, terminal, async () => {
    try {
      return await put(service, given)
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'RESOURCE_NOT_FOUND') throw error
      await uploadZip(service, terminal, given)
      return await put(service, given)
    }
  })
  if (answer === undefined) return undefined
  await narrate(service, terminal, { what: 'the attestation', id: answer.decisionId })
  const { attestation } = answer.body
  const why = failedOf(attestation)
  if (why !== undefined) terminal.say(`warning: it counts for nothing: ${inline(why)}`)
  return attestation ?? null
}

async function put(
  service: Service,
  { codeSha256, bundle }: { readonly codeSha256: string; readonly bundle: Uint8Array },
): Promise<Answer> {
  const reply = await service.send({
    method: 'PUT',
    path: paths.attestations(codeSha256),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(bundle),
  })
  const body = parseStrictJson(reply.body)
  return { body: isObject(body) ? body : {}, decisionId: reply.headers['x-lacre-decision-id'] }
}

/** Why a sound attestation does not count. */
function failedOf(attestation: Json | undefined): string | undefined {
  if (!isObject(attestation) || attestation['outcome'] === 'counts') return undefined
  const findings = Array.isArray(attestation['findings']) ? attestation['findings'] : []
  const failed = findings.filter(isObject).find(({ status }) => status === 'failed')
  return failed === undefined ? 'it is of nobody known' : text(failed, 'got')
}

/** Saves what the service says of its own decision. @throws PlatformError what the service answers */
export async function saveSummary(
  service: Service,
  terminal: Terminal,
  { decision, out: path }: { readonly decision: string; readonly out: string | undefined },
): Promise<void> {
  const answer = await service.get(paths.summary(decision))
  const out = path ?? `${decision}.vsa.sigstore.json`
  writeFileFrom(out, bufferSource(Buffer.from(JSON.stringify(answer['bundle']))))
  const sha256 = text(answer, 'sha256')
  const publicKeyPem = text(answer, 'publicKeyPem')
  terminal.result(
    { decision, bundle: out, sha256, publicKeyPem },
    `${inline(out)}: the service admitted ${sha256}\n${publicKeyPem.trimEnd()}`,
  )
}
