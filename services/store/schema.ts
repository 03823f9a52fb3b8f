import type { ApprovalSchema } from './approvals-schema.ts'
import type {
  ConsoleLinkTable,
  ConsoleSessionTable,
  OidcIdentityTable,
  RoleGrantTable,
} from './access-schema.ts'
import type { AttestationTable } from './attestation-schema.ts'
import type { AuthoritySchema } from './authority-schema.ts'
import type { HistorySchema } from './history-schema.ts'
import type { LedgerSchema } from './ledger-schema.ts'
import type { LiveSchema } from './live-schema.ts'
import type { PlanSchema } from './plan-schema.ts'
import type { StageSchema } from './stage-schema.ts'
import type { PolicySchema } from './policy-schema.ts'
import type { EventsSchema } from './events-schema.ts'
import type { WebhookSchema } from './webhook-schema.ts'

/**
 * The rows, as both dialects hold them: times are integer milliseconds, digests hex text, documents JSON text,
 * ids text. CONTRACTS.md "Tables that must not be re-cut" is the law here.
 */
export interface Schema
  extends
    ApprovalSchema,
    AuthoritySchema,
    EventsSchema,
    HistorySchema,
    LedgerSchema,
    LiveSchema,
    PlanSchema,
    PolicySchema,
    StageSchema,
    WebhookSchema {
  setting: SettingTable
  world: WorldTable
  principal: PrincipalTable
  role_grant: RoleGrantTable
  oidc_identity: OidcIdentityTable
  access_key: AccessKeyTable
  seen_signature: SeenSignatureTable
  console_link: ConsoleLinkTable
  console_session: ConsoleSessionTable
  sealed_key: SealedKeyTable
  document: DocumentTable
  artifact: ArtifactTable
  detached_seal: DetachedSealTable
  attestation: AttestationTable
  publisher: PublisherTable
  publisher_version: PublisherVersionTable
  revocation: RevocationTable
  revocation_list: RevocationListTable
  code_signing_config: CodeSigningConfigTable
  signing_requirement: SigningRequirementTable
  function_name: FunctionNameTable
  function: FunctionTable
  function_version: FunctionVersionTable
  alias: AliasTable
  function_setting: FunctionSettingTable
  event_source_mapping: EventSourceMappingTable
  layer: LayerTable
  layer_version: LayerVersionTable
  resource_policy: ResourcePolicyTable
  resource_tags: ResourceTagsTable
  decision: DecisionTable
  jobs: JobsTable
}

export interface SettingTable {
  name: string
  value: string
}

/** One row, id 1: raised by every write that a decision can depend on (CONTRACTS "World"). */
export interface WorldTable {
  id: number
  counter: number
}

export interface PrincipalTable {
  id: string
  kind: 'user' | 'workload' | 'system'
  name: string
  /** JSON array of role names. */
  roles: string
  created_at: number
  /** Where it was switched off: nothing that comes in its name is believed. */
  disabled_at?: number | null
}

export interface AccessKeyTable {
  id: string
  principal_id: string
  /** AES-256-GCM under the master key, base64 (`keys`). */
  secret_sealed: string
  status: 'Active' | 'Inactive'
  created_at: number
}

/** SigV4 signatures of changing requests, until the window has passed (RULES §7). */
export interface SeenSignatureTable {
  signature: string
  first_seen_at: number
}

/** Keys the service keeps, encrypted at rest; `purpose` is unique: one key, one purpose. */
export interface SealedKeyTable {
  purpose: string
  public_key_pem: string
  private_key_sealed: string
  created_at: number
}

/** Large documents beside the ledger (decisions, facts, policies, seals), by the SHA-256 of `body`. */
export interface DocumentTable {
  sha256: string
  body: string
}

export interface ArtifactTable {
  code_sha256: string
  sha256: string
  tree: string
  size_bytes: number
  unzipped_bytes: number
  entry_count: number
  created_at: number
}

/** Seals uploaded beside an artifact, for the *unsealed* digest. */
export interface DetachedSealTable {
  artifact_sha256: string
  seal_digest: string
  format: 'bundle' | 'cms'
  /** base64 */
  body: string
  created_at: number
}

export interface PublisherTable {
  id: string
  kind: 'key' | 'x509' | 'oidc' | 'managed'
  /** Unique for ever: names are never reused. */
  name: string
  created_at: number
}

/** Immutable but for `status`. */
export interface PublisherVersionTable {
  publisher_id: string
  /** 10 alphanumeric characters. */
  version: string
  /** PublisherDocument, canonical JSON. */
  document: string
  /** SHA-256 of `document`. */
  digest: string
  status: 'Active' | 'Canceled' | 'Revoked'
  created_at: number
}

/** Final; a later row for the same target may only carry an earlier effective time. */
export interface RevocationTable {
  id: string
  target_kind: 'publisher' | 'publisher-version' | 'certificate' | 'key' | 'seal'
  target: string
  effective_at: number
  recorded_at: number
  reason: string
}

/** The newest list of each URL that a publisher names. */
export interface RevocationListTable {
  url: string
  sha256: string
  /** DER, base64. */
  body: string
  this_update: number
  next_update: number
  fetched_at: number
}

export interface CodeSigningConfigTable {
  /** `csc-` + 17 hex */
  id: string
  description: string
  policy: 'Warn' | 'Enforce'
  /** JSON: `[{arn, publisherId, version} | {arn, publisherId: null, version: null}]`, resolved when saved (RULES §4). */
  publishers: string
  tags: string
  last_modified: number
}

/** Beside a code signing config: AWS's shape has no place for it. */
export interface SigningRequirementTable {
  config_id: string
  min_signers: number
  min_publishers: number
  last_modified: number
}

/** Governance and counters belong to the name and outlive deletion. */
export interface FunctionNameTable {
  name: string
  /** The number the next published version takes; never goes back. */
  next_version: number
  /** Raised by whatever takes a release out of use at once; null is 0. */
  generation?: number | null
}

export interface FunctionTable {
  /** `fn-` ULID, new at each create. */
  id: string
  name: string
  code_signing_config_id: string | null
  /** function_version.id that `$LATEST` serves, and the one being prepared. */
  serving: string | null
  pending: string | null
  /** JSON map. */
  tags: string
  created_at: number
}

/** A published version, or one state of `$LATEST` (`version` = '$LATEST'). */
export interface FunctionVersionTable {
  /** `fv-` ULID */
  id: string
  function_id: string
  /** Digits or `$LATEST`. */
  version: string
  /** FunctionConfigurationDocument of `catalog`, canonical JSON. Environment values stand here and nowhere else. */
  configuration: string
  code_sha256: string
  /** JSON: ReleaseLayer[] */
  layers: string
  release: string
  decision_id: string
  state: 'Pending' | 'Active' | 'Inactive' | 'Failed'
  state_reason: string | null
  state_reason_code: string | null
  last_update_status: 'Successful' | 'Failed' | 'InProgress' | null
  last_update_status_reason: string | null
  last_update_status_reason_code: string | null
  revision_id: string
  last_modified: number
}

export interface AliasTable {
  function_id: string
  name: string
  version: string
  description: string
  /** The second weighted version and its weight, both or none. */
  routing_version: string | null
  routing_weight: number | null
  revision_id: string
  decision_id: string
}

/** What is configured beside a function's code; `qualifier` is `$LATEST` for the function itself. */
export interface FunctionSettingTable {
  function_id: string
  kind: string
  qualifier: string
  /** JSON: the members as AWS names them. */
  document: string
  last_modified: number
}

/** Outlives its function, as on AWS. */
export interface EventSourceMappingTable {
  uuid: string
  function_name: string
  event_source_arn: string | null
  /** JSON: the members as AWS names them, without states. */
  document: string
  decision_id: string
  last_modified: number
}

export interface LayerTable {
  name: string
  next_version: number
}

export interface LayerVersionTable {
  arn: string
  name: string
  version: number
  description: string
  license: string | null
  /** JSON arrays or null. */
  compatible_runtimes: string | null
  compatible_architectures: string | null
  code_sha256: string
  decision_id: string
  created_at: number
  /** Deleted layer versions stay for the functions that use them. */
  deleted_at: number | null
}

/** Tags by ARN, of what has no column for them. */
export interface ResourceTagsTable {
  resource: string
  /** JSON object of texts. */
  tags: string
}

/** Who else may use a function, version, alias or layer version: kept as AWS answers it. */
export interface ResourcePolicyTable {
  /** A function's id, or a layer version's ARN. */
  owner: string
  /** A version or alias; empty for the function itself and for a layer version. */
  qualifier: string
  /** The policy, JSON. */
  document: string
  revision_id: string
  decision_id: string
}

export interface DecisionTable {
  id: string
  at: number
  outcome: 'allow' | 'warn' | 'deny'
  principal_id: string
  action: string
  resource: string
  /** document.sha256 of the Decision and of its Facts. */
  document: string
  facts: string
}

/** CONTRACTS: jobs(kind, key, state, run_at, lease_until, fence, attempts, payload_digest). */
export interface JobsTable {
  id: string
  kind: string
  key: string
  state: 'ready' | 'leased' | 'done' | 'dead'
  run_at: number
  lease_until: number | null
  fence: number
  attempts: number
  payload: string
  payload_digest: string
  last_error: string | null
}
