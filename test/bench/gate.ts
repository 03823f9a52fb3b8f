import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  preparsePolicySet,
  statefulIsAuthorized,
  type EntityJson,
} from '@cedar-policy/cedar-wasm/nodejs'

import {
  LATEST,
  canonicalJson,
  functionArn,
  sha256,
  systemClock,
  systemPrincipal,
  systemRandom,
  type Decision,
  type Facts,
  type Json,
} from '../../services/model/index.ts'
import { makePlan, type Deps } from '../../services/operations/index.ts'
import {
  compilePolicySet,
  decide,
  type PolicyFile,
  type PolicyInForce,
  type PolicySet,
} from '../../services/policy/index.ts'
import { loadShippedPolicies, shippedPolicies } from '../../services/shipped-policies.ts'
import { openStore, type Store, type Writer } from '../../services/store/index.ts'
import type { Figure } from './run.ts'
import { quantile } from './statistics.ts'

const FUNCTIONS = 1_000
const ALIASES_EACH = 10
const PLAN_POLICIES = 100
const DECISION_POLICIES = 300
const WARM_UP = 500
const DECISIONS_TIMED = 2_000
const PLANS_TIMED = 3
/** More than the caches of a processor hold for one of its cores. */
const WALK_BYTES = 16_777_216
const WALK_STEPS = 100_000
const WALKS_TIMED = 200

const place = { account: '000000000000', region: 'us-east-1' }
const digest = sha256('bench')
const shipped = loadShippedPolicies('default')
const schema = shippedPolicies().admission?.schema

/** A decision over 300 policies, and a plan of a set of 100 over 10,000 live aliases, each beside bare Cedar. */
export async function gateBench(): Promise<readonly Figure[]> {
  return [...timeDecisions(), ...(await timePlans())]
}

/**
 * One permit, and forbids that each look at something else: none of them forbids what is asked of `shop`. All have one
 * head, so that none can be left out by it.
 */
function policyFiles(count: number): PolicyFile[] {
  const rules = [
    (n: number) => `when { context.untrusted.contains("arn:of:${n}") }`,
    (n: number) => `unless { context.signers < ${n + 1_000} }`,
    (n: number) => `when { resource is Lacre::Alias && resource.functionName == "other-${n}" }`,
    (n: number) => `when { context.publishers.contains("banned-${n}") }`,
    (n: number) => `when { context.change has to && context.change.to == "v${n}" }`,
  ]
  const forbids = Array.from({ length: count - 1 }, (_, at) => {
    const rule = rules[at % rules.length]?.(at) ?? ''
    return `@id("rule-${at}") @reason("bench") forbid (principal, action in [Lacre::Action::"activate"], resource) ${rule};`
  })
  const text = ['@id("all") permit (principal, action, resource);', ...forbids].join('\n')
  return [{ name: 'bench.cedar', text }]
}

function timeDecisions(): Figure[] {
  const set = compilePolicySet(policyFiles(DECISION_POLICIES), schema)
  const inForce: PolicyInForce = { name: 'bench', set }
  const facts = aliasFacts('shop', 'prod')
  const ours = timed(() => {
    if (decide(facts, 'dec-bench', inForce).outcome !== 'allow') throw new Error('not allowed')
  })
  const refused = aliasFacts('other-2', 'prod')
  const refusals = timed(() => {
    const { outcome, policySet } = decide(refused, 'dec-bench', inForce)
    if (outcome !== 'deny' || policySet.determining.length !== 1) throw new Error('not refused')
  })
  const bare = timed(bareCall(set, facts))
  const walks = timed(memoryWalk(), WALKS_TIMED)
  const over = `over ${DECISION_POLICIES} policies`
  return [
    ...spread(`a decision ${over}`, ours),
    ...spread(`a decision ${over} of which one forbids`, refusals),
    ...spread(`the bare Cedar call ${over}, without our checks and the schema`, bare),
    ...spread(`a walk of ${WALK_STEPS} steps over 16 MiB, for how fast memory is meanwhile`, walks),
  ]
}

/** The same work each time, and none but waiting for memory: a machine that shares its caches takes twice as long at times. */
function memoryWalk(): () => void {
  const cells = new Int32Array(WALK_BYTES / Int32Array.BYTES_PER_ELEMENT)
  return () => {
    let at = 1
    for (let step = 0; step < WALK_STEPS; step += 1) {
      at = (at * 1_103_515_245 + 12_345 + step) & (cells.length - 1)
      cells[at] = step
    }
  }
}

/** The engine alone, over a request made beforehand. */
function bareCall(set: PolicySet, facts: Facts): () => void {
  const id = `bare-${set.digest}`
  const staticPolicies = Object.fromEntries(
    [...set.policies.values()].map((policy) => [policy.id, policy.text]),
  )
  preparsePolicySet(id, { staticPolicies })
  const principal = { type: 'Lacre::User', id: facts.principal.id }
  const resource = { type: 'Lacre::Alias', id: 'shop:prod' }
  const context = {
    verdict: 'trusted',
    untrusted: [],
    publishers: ['team'],
    signers: 1,
    change: { from: '1', to: '1' },
  }
  const entities: EntityJson[] = [
    { uid: principal, attrs: { name: facts.principal.name }, parents: [] },
    { uid: resource, attrs: { name: 'prod', functionName: 'shop' }, parents: [] },
    {
      uid: { type: 'Lacre::Action', id: 'lambda:UpdateAlias' },
      attrs: {},
      parents: [{ type: 'Lacre::Action', id: 'activate' }],
    },
  ]
  return () => {
    const answer = statefulIsAuthorized({
      principal,
      action: { type: 'Lacre::Action', id: 'lambda:UpdateAlias' },
      resource,
      context,
      entities,
      preparsedPolicySetId: id,
    })
    if (answer.type !== 'success' || answer.response.decision !== 'allow')
      throw new Error(JSON.stringify(answer))
  }
}

function timed(work: () => void, times = DECISIONS_TIMED): number[] {
  for (let i = 0; i < Math.min(times, WARM_UP); i += 1) work()
  const taken: number[] = []
  for (let i = 0; i < times; i += 1) {
    const start = performance.now()
    work()
    taken.push(performance.now() - start)
  }
  return taken
}

function spread(name: string, times: readonly number[]): Figure[] {
  const at = (share: number): number => Number(quantile(times, share).toFixed(3))
  return [
    { name: `${name}, median`, value: at(0.5), unit: 'ms' },
    { name: `${name}, p99`, value: at(0.99), unit: 'ms' },
  ]
}

async function timePlans(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    await using store = await openStore({ path: join(dir, 'lacre.db') })
    await fill(store)
    const deps = planDeps(store)
    const files = policyFiles(PLAN_POLICIES)
    const times: number[] = []
    let judged = 0
    let longestTurnMs = 0
    for (let i = 0; i < PLANS_TIMED; i += 1) {
      const start = performance.now()
      const [{ effects }, turnMs] = await withTurns(() =>
        makePlan(deps, caller, { kind: 'policy', files }),
      )
      times.push(performance.now() - start)
      judged = effects.judged
      longestTurnMs = Math.max(longestTurnMs, turnMs)
      if (effects.affected.length > 0 || effects.notReevaluated > 0)
        throw new Error('the plan is not the one that was meant')
    }
    const set = compilePolicySet(files, schema)
    const call = bareCall(set, aliasFacts('shop', 'prod'))
    const bare = timed(() => {
      for (let i = 0; i < judged; i += 1) call()
    }, 1)
    const sorted = times.toSorted((a, b) => a - b)
    const over = `over ${FUNCTIONS * ALIASES_EACH} live aliases (${judged} names), ${PLAN_POLICIES} policies`
    return [
      {
        name: `a policy plan ${over}, median of ${PLANS_TIMED}`,
        value: rounded(sorted[1] ?? 0),
        unit: 'ms',
      },
      { name: `a policy plan ${over}, longest`, value: rounded(sorted.at(-1) ?? 0), unit: 'ms' },
      {
        name: 'longest turn of the event loop meanwhile',
        value: rounded(longestTurnMs),
        unit: 'ms',
      },
      {
        name: 'as many bare Cedar calls, one thread, without the schema',
        value: rounded(bare[0] ?? 0),
        unit: 'ms',
      },
    ]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function rounded(ms: number): number {
  return Number(ms.toFixed(1))
}

/** How long others had to wait for their turn, at most. */
async function withTurns<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const EVERY_MS = 5
  let last = performance.now()
  let longest = 0
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last - EVERY_MS)
    last = now
  }, EVERY_MS)
  try {
    return [await work(), longest]
  } finally {
    clearInterval(timer)
  }
}

const caller = { principal: systemPrincipal, requestId: 'bench' }

/** A plan of policies reads rows and asks a thread: what else operations have is not touched. */
function planDeps(store: Store): Deps {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const runtime = { capability: { isolation: 'full' } }
  return {
    store,
    place,
    log,
    runtime,
    clock: systemClock,
    random: systemRandom,
    policies: {
      inForce: () => Promise.resolve(shipped),
      deciding: () => Promise.resolve(shipped),
      shipped: () => ({ schema, sets: new Map() }),
    },
  } as unknown as Deps
}

function aliasFacts(name: string, alias: string, version = '1'): Facts {
  const arn = functionArn(place, name, version)
  return {
    v: 1,
    at: '2026-05-03T14:00:00.000Z',
    world: 0,
    validUntil: null,
    principal: { id: 'usr-bench', kind: 'user', name: 'bench', roles: ['admin'], claims: {} },
    action: 'lambda:UpdateAlias',
    resource: functionArn(place, name, alias),
    release: digest,
    change: { from: '1', to: '1' },
    subjects: [
      {
        kind: 'function',
        arn,
        codeSha256: digest,
        sha256: digest,
        tree: digest,
        verdict: {
          kind: 'trusted',
          validUntilMs: undefined,
          signers: 1,
          findings: findings(),
          seals: [
            {
              digest,
              format: 'bundle',
              form: 'statement',
              place: 'block',
              outcome: 'trusted',
              signer: {
                id: `key SHA256:${digest}`,
                kind: 'key',
                spkiSha256: digest,
                display: `key SHA256:${digest}`,
              },
              publisher: {
                publisherId: 'pub-bench',
                name: 'team',
                version: 'ABCDEFGHIJ',
                arn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/team/ABCDEFGHIJ',
                allowed: true,
              },
              trustedTimesMs: [],
              expiresAtMs: undefined,
              counter: '0',
              findings: findings(),
              unchecked: [],
            },
          ],
        },
      },
    ],
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
  }
}

function findings() {
  return (['integrity', 'mismatch', 'expiry', 'revocation'] as const).map((rule) => ({
    rule,
    status: 'passed' as const,
    expected: 'what a sound seal is',
    got: 'a sound seal',
  }))
}

const configuration = JSON.stringify({
  Runtime: 'nodejs20.x',
  Handler: 'index.handler',
  Timeout: 3,
  MemorySize: 128,
})

async function fill(store: Store): Promise<void> {
  await store.transaction(async (tx) => {
    const { counter } = await tx.selectFrom('world').select('counter').executeTakeFirstOrThrow()
    await tx
      .insertInto('artifact')
      .values({
        code_sha256: digest,
        sha256: digest,
        tree: digest,
        size_bytes: 1_000,
        unzipped_bytes: 2_000,
        entry_count: 1,
        created_at: 0,
      })
      .execute()
    for (let i = 0; i < FUNCTIONS; i += 1) await fillFunction(tx, `bench-${i}`, counter)
  })
}

async function fillFunction(tx: Writer, name: string, world: number): Promise<void> {
  const id = `fn-${name}`
  const first = await keepDecision(tx, { ...aliasFacts(name, 'a0', LATEST), world }, `dec-${name}`)
  await tx.insertInto('function_name').values({ name, next_version: 2 }).execute()
  await tx
    .insertInto('function')
    .values({
      id,
      name,
      code_signing_config_id: null,
      serving: `fv-${name}-latest`,
      pending: null,
      tags: '{}',
      created_at: 0,
    })
    .execute()
  await tx
    .insertInto('function_version')
    .values(
      ['$LATEST', '1'].map((version) => ({
        id: version === '1' ? `fv-${name}-1` : `fv-${name}-latest`,
        function_id: id,
        version,
        configuration,
        code_sha256: digest,
        layers: '[]',
        release: digest,
        decision_id: first,
        state: 'Active' as const,
        state_reason: null,
        state_reason_code: null,
        last_update_status: 'Successful' as const,
        last_update_status_reason: null,
        last_update_status_reason_code: null,
        revision_id: `rev-${name}-${version}`,
        last_modified: 0,
      })),
    )
    .execute()
  for (let at = 0; at < ALIASES_EACH; at += 1) {
    const alias = `a${at}`
    const facts = { ...aliasFacts(name, alias), world }
    const decision_id = await keepDecision(tx, facts, `dec-${name}-${alias}`)
    await tx
      .insertInto('alias')
      .values({
        function_id: id,
        name: alias,
        version: '1',
        description: '',
        routing_version: null,
        routing_weight: null,
        revision_id: `rev-${name}-${alias}`,
        decision_id,
      })
      .execute()
  }
}

async function keepDecision(tx: Writer, facts: Facts, id: string): Promise<string> {
  const decision: Decision = decide(facts, id, shipped)
  const documents = [decision, facts].map((one) => {
    const body = canonicalJson(one as unknown as Json)
    return { sha256: sha256(body), body }
  })
  await tx
    .insertInto('document')
    .values(documents)
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
  await tx
    .insertInto('decision')
    .values({
      id,
      at: 0,
      outcome: decision.outcome,
      principal_id: facts.principal.id,
      action: facts.action,
      resource: facts.resource,
      document: documents[0]?.sha256 ?? '',
      facts: documents[1]?.sha256 ?? '',
    })
    .execute()
  return id
}
