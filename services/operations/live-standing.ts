import { LATEST, functionArn, type Place } from '../model/index.ts'
import { JUDGED_ALONE } from '../policy/index.ts'
import type { Situation } from './facts.ts'
import type { LiveGround } from './live-ground.ts'
import { isAliasName, type LiveRowKnown } from './live-known.ts'
import { moveValidUntil } from './move-facts.ts'

/** What holds of the place beside its seals, and until when. */
export function standing(
  row: LiveRowKnown,
  { exceptions, floors, reach, atMs }: LiveGround,
): Pick<Situation, 'stage' | 'move'> & { readonly key: string; readonly validUntilMs: number } {
  const { functionName, alias, release, version } = row
  const mode = reach.get(functionName) ?? 'all'
  const place = `${functionName}:${alias}`
  const floor = isAliasName(alias) ? floors.get(place) : undefined
  const [code] = row.subjects
  const stage = {
    facts: {
      reach: mode,
      exposes: 0,
      freezes: [],
      rising:
        floor === undefined || code === undefined
          ? []
          : [{ place, subject: code.arn, release, share: 1 }],
      floors: floor?.floors ?? [],
      floorExceptions: floor?.exceptions ?? [],
      promotions: [],
      leaving: JUDGED_ALONE,
    },
    validUntilMs: floor?.validUntilMs,
  }
  if (!isAliasName(alias)) return { stage, move: undefined, key: mode, validUntilMs: Infinity }
  const granted = (exceptions.get(place) ?? []).filter((one) => one.release === release)
  const reaches = [{ version, release, weight: 1 }]
  const move = {
    move: { functionName, alias, reaches, raises: [], leaves: [] },
    approvals: [],
    exceptions: granted,
    owners: [],
  }
  const ends = [...moveValidUntil(move, atMs), floor?.validUntilMs ?? Infinity]
  return {
    stage,
    move,
    key: JSON.stringify([mode, granted.map(({ id }) => id), floor?.key ?? null]),
    validUntilMs: Math.min(...ends),
  }
}

/** What the version would be moved with: itself alone. */
export function inputOf(row: LiveRowKnown): Situation['input'] {
  const { version, release, subjects, environmentNames, egress } = row
  return {
    change: { from: version, to: version },
    release,
    subjects,
    codeSigningConfigId: null,
    environmentNames,
    egress,
  }
}

/** The "move" to what is served already: what the gate would be asked, were it made now. */
export function moveOf(
  place: Place,
  { functionName, alias, version }: LiveRowKnown,
): { readonly action: string; readonly resource: string } {
  if (isAliasName(alias))
    return { action: 'lambda:UpdateAlias', resource: functionArn(place, functionName, alias) }
  const action = version === LATEST ? 'lambda:UpdateFunctionCode' : 'lambda:PublishVersion'
  return { action, resource: functionArn(place, functionName) }
}
