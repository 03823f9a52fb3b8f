/** Every limit has a name, a unit and a source. */

/** AWS: "Unzipped size must be smaller than 262144000 bytes"; layers count with the function. */
export const UNZIPPED_SIZE_LIMIT_BYTES = 262_144_000
/** AWS: "Zipped size must be smaller than 52428800 bytes", for a zip inside the request. */
export const ZIPPED_INLINE_LIMIT_BYTES = 52_428_800
/** AWS: "Request must be smaller than 70167211 bytes". */
export const REQUEST_LIMIT_BYTES = 70_167_211
/** A zip stored by digest (PUT /api/v1/artifacts) is at most as large as what it may unpack to, and a little framing. */
export const ARTIFACT_LIMIT_BYTES = 268_435_456
/** Entries of a zip; 65,535 is the value that announces zip64, which is refused. */
export const ENTRY_COUNT_LIMIT = 65_534
/** A path of an entry, in UTF-8 bytes (PATH_MAX less room for /var/task). */
export const ENTRY_PATH_LIMIT_BYTES = 4_000
/** How much an entry may grow on inflating before it is called a bomb (deflate's own ceiling is about 1,032). */
export const INFLATE_RATIO_LIMIT = 500
/** Below this size the ratio does not matter. */
export const INFLATE_RATIO_FLOOR_BYTES = 1_048_576

/** Seal block: DESIGN §3. */
export const SEAL_PAIRS_LIMIT = 16
export const SEAL_PAYLOAD_LIMIT_BYTES = 262_144
export const SEAL_BLOCK_LIMIT_BYTES = 1_048_576
/** Detached seals looked at beside an artifact. */
export const DETACHED_SEALS_LIMIT = 16

/** One attestation (a bundle with its statement): SBOMs of a few MB, in base64. */
export const ATTESTATION_LIMIT_BYTES = 12_582_912
/** Attestations kept beside an artifact, and their bytes together. */
export const ATTESTATIONS_LIMIT = 64
export const ATTESTATIONS_LIMIT_BYTES = 50_331_648
/** As many may lie there for one that counts for nothing to be taken still: the rest is kept for those that count. */
export const UNCOUNTED_ATTESTATIONS_LIMIT = 16
export const UNCOUNTED_ATTESTATIONS_LIMIT_BYTES = 12_582_912

/** JSON bodies: nesting beyond this is refused before anything walks them. */
export const JSON_DEPTH_LIMIT = 64
/** A JSON body without a zip in it. */
export const JSON_BODY_LIMIT_BYTES = 1_048_576

/** AWS: request payload of a synchronous invocation, and of its answer (6 MiB + 100). */
export const INVOKE_PAYLOAD_LIMIT_BYTES = 6_291_556
/** AWS: an answer that is streamed (200 MB since 2025). */
export const STREAMED_ANSWER_LIMIT_BYTES = 209_715_200
/** AWS: request payload of an asynchronous invocation (1 MB since October 2025). */
export const EVENT_PAYLOAD_LIMIT_BYTES = 1_048_576
/** AWS: X-Amz-Log-Result holds the last 4 KB. */
export const LOG_TAIL_LIMIT_BYTES = 4_096
/** AWS: INIT phase on demand. */
export const INIT_TIMEOUT_MS = 10_000
/** AWS: Timeout 1..900 s, MemorySize 128..10,240 MB, EphemeralStorage 512..10,240 MB. */
export const TIMEOUT_LIMIT_SECONDS = 900
export const MEMORY_MIN_MB = 128
export const MEMORY_MAX_MB = 10_240
export const EPHEMERAL_MIN_MB = 512
export const EPHEMERAL_MAX_MB = 10_240
/** AWS: layers of a function. */
export const LAYERS_LIMIT = 5
/** AWS: environment variables, measured on the JSON of the map. */
export const ENVIRONMENT_LIMIT_BYTES = 4_096
/** AWS: publishers a code signing config may name. */
export const ALLOWED_PUBLISHERS_LIMIT = 20
/** AWS: packages of all versions and layers of an account together (300 GB; it cannot be raised there). */
export const CODE_STORAGE_LIMIT_BYTES = 322_122_547_200
/** AWS: tags of a resource. */
export const TAGS_LIMIT = 50

/** A ledger entry: a tlog-tiles bundle counts lengths in 16 bits. */
export const LEDGER_ENTRY_LIMIT_BYTES = 60_000
/** Foreign strings in ledger entries are capped (RULES §6). */
export const LEDGER_STRING_LIMIT_CHARS = 512
/** SigV4 window (RULES §7). */
export const SIGNATURE_WINDOW_MS = 300_000
/** A changing request with a signature seen before is refused after this (RULES §7). */
export const REPLAY_GRACE_MS = 2_000

/** AWS: concurrent executions of an account (default), and how many of them stay unreserved at least. */
export const CONCURRENT_EXECUTIONS_LIMIT = 1_000
export const UNRESERVED_CONCURRENCY_MIN = 100

/** Files of a backup: a blob each, and its databases. */
export const BACKUP_FILES_LIMIT = 1_000_000
/** The manifest of a backup of so many files. */
export const BACKUP_MANIFEST_LIMIT_BYTES = 268_435_456
