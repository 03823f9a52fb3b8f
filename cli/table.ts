import type { CommandRow } from './command.ts'

/** The verbs; a module is imported only when its verb is called, so that `lacre --version` stays fast. */
export const commandTable: readonly CommandRow[] = [
  {
    name: 'init',
    summary: 'begin a project: a function, policies with their cases, a CI workflow that signs',
    load: () => import('./commands/init.ts'),
  },
  {
    name: 'pack',
    summary: 'pack a directory into a reproducible zip',
    load: () => import('./commands/pack.ts'),
  },
  {
    name: 'check',
    summary: 'check a zip against the strict profile',
    load: () => import('./commands/check.ts'),
  },
  {
    name: 'inspect',
    summary: "show a zip's digests, entries and seals",
    load: () => import('./commands/inspect.ts'),
  },
  {
    name: 'key',
    summary: 'make a signing key, show public halves and fingerprints',
    load: () => import('./commands/key.ts'),
  },
  {
    name: 'sign',
    summary: 'seal a zip with a signature, in place or beside it',
    load: () => import('./commands/sign.ts'),
  },
  {
    name: 'vouch',
    summary: "answer for somebody else's layer, for some functions and until some day",
    load: () => import('./commands/vouch.ts'),
  },
  {
    name: 'attest',
    summary: 'say something about a zip under a signature: provenance, SBOM, scan, VEX, tests',
    load: () => import('./commands/attest.ts'),
  },
  {
    name: 'verify',
    summary: "judge a zip's seals: exit 0 only if it is trusted",
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'trusted-root',
    summary: 'fetch a Sigstore trusted root from a TUF repository, show one',
    load: () => import('./commands/trusted-root.ts'),
  },
  {
    name: 'publisher',
    summary: 'whom to trust: create, version, list, show, sign, cancel, revoke',
    load: () => import('./commands/publisher.ts'),
  },
  {
    name: 'deploy',
    summary: 'deploy a zip: create or update a function, publish, move an alias',
    load: () => import('./commands/deploy.ts'),
  },
  {
    name: 'invoke',
    summary: 'invoke a function and show its answer',
    load: () => import('./commands/invoke.ts'),
  },
  {
    name: 'logs',
    summary: 'what a function wrote; --follow shows more as it comes',
    load: () => import('./commands/logs.ts'),
  },
  {
    name: 'usage',
    summary: 'what attempts to run functions came to: sums by version, or one by one',
    load: () => import('./commands/usage.ts'),
  },
  {
    name: 'events',
    summary: 'asynchronous events: list, show, replay, purge; queues and their messages',
    load: () => import('./commands/events.ts'),
  },
  {
    name: 'webhook',
    summary: 'who is told of ledger entries: create, list, show, test, rotate-secret, deliveries',
    load: () => import('./commands/webhook.ts'),
  },
  {
    name: 'rollback',
    summary: 'point an alias back at the version that was live in it before',
    load: () => import('./commands/rollback.ts'),
  },
  {
    name: 'approval',
    summary: 'ask for approval of an alias move, see requests, take back',
    load: () => import('./commands/approval.ts'),
  },
  {
    name: 'approve',
    summary: "approve somebody's request to move an alias",
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'break-glass',
    summary: 'an exception for one release in one alias: two persons, an end, a review',
    load: () => import('./commands/break-glass.ts'),
  },
  {
    name: 'promote',
    summary: 'point an alias at the version that another one serves',
    load: () => import('./commands/promote.ts'),
  },
  {
    name: 'stage',
    summary:
      'freezes, freeze windows, promotion, floors, reach and egress of functions and aliases',
    load: () => import('./commands/stage.ts'),
  },
  {
    name: 'reaction',
    summary: 'what is done where something that is live violates the rules in force',
    load: () => import('./commands/reaction.ts'),
  },
  {
    name: 'live',
    summary: 'show what can be invoked, now or at a time',
    load: () => import('./commands/live.ts'),
  },
  {
    name: 'diff',
    summary: 'what changed in the live set between two times, and by whose decision',
    load: () => import('./commands/diff.ts'),
  },
  {
    name: 'history',
    summary: 'who changed what is live of a function or alias, by which decision; refusals beside',
    load: () => import('./commands/history.ts'),
  },
  {
    name: 'where',
    summary: 'where a digest, publisher, layer or package is live, or was',
    load: () => import('./commands/where.ts'),
  },
  {
    name: 'plan',
    summary: 'what a change would do to what is live; nothing is changed',
    load: () => import('./commands/plan.ts'),
  },
  {
    name: 'console',
    summary: 'get into the console, the pages of the service for people',
    load: () => import('./commands/console.ts'),
  },
  {
    name: 'decision',
    summary: 'what was decided, and why',
    load: () => import('./commands/decision.ts'),
  },
  {
    name: 'backup',
    summary: 'back a data directory up, also while the service runs on it',
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'gc',
    summary: 'take away stored files that nothing needs',
    load: () => import('./commands/gc.ts'),
  },
  {
    name: 'restore',
    summary: 'make a data directory from a backup, verified before it is one',
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'doctor',
    summary: 'what works on this machine and what is in force',
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'env',
    summary: 'print what AWS tools need to find the service',
    load: () => import('./commands/env.ts'),
  },
  {
    name: 'policy',
    summary: 'check and test policy sets, put one in force, return to an earlier one',
    load: () => import('./commands/policy.ts'),
  },
  {
    name: 'user',
    summary: 'people who may come: create, list, show, disable, enable',
    load: () => import('./commands/user.ts'),
  },
  {
    name: 'workload',
    summary: 'CI jobs that come with a token: create, list, show, disable, enable',
    load: () => import('./commands/workload.ts'),
  },
  {
    name: 'role',
    summary: 'what roles there are and who has them: list, show, grant, revoke',
    load: () => import('./commands/role.ts'),
  },
  {
    name: 'access-key',
    summary: 'create, list and disable access keys',
    load: () => import('./commands/access-key.ts'),
  },
  {
    name: 'serve',
    summary: 'run the service over one data directory',
    load: () => import('./commands/serve.ts'),
  },
  {
    name: 'authority',
    summary: 'a private Sigstore: certificates, timestamps and a log of its own',
    load: () => import('./commands/authority.ts'),
  },
  {
    name: 'evidence',
    summary: 'what was live in an alias, as an archive that verifies offline: export, verify',
    load: () => import('./commands/evidence.ts'),
  },
  {
    name: 'witness',
    summary: "cosign logs' checkpoints: serve, key",
    load: () => import('./commands/witness.ts'),
  },
  {
    name: 'ledger',
    summary:
      'checkpoints, proofs, export and verification of the ledger; a new key, a new beginning',
    load: () => import('./commands/ledger.ts'),
  },
  {
    name: 'self',
    summary: 'verify this installation against the manifest of its release',
    load: () => import('./commands/self.ts'),
  },
  {
    name: 'completion',
    summary: 'a script that completes lacre in bash, zsh or fish',
    load: async () => ({
      command: (await import('./commands/completion.ts')).completionOf(commandTable),
    }),
  },
]
