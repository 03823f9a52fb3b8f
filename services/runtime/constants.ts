/** Limits and times of the runtime. Every one has a name, a unit and a source. */

/** An environment that served nothing for this long is stopped; AWS promises no longevity either (SPEC A6.5). */
export const IDLE_ENVIRONMENT_MS = 300_000
/** How often idle environments are looked at. */
export const REAP_INTERVAL_MS = 10_000
/**
 * How long an environment stays thawed after it answered, at least: longer than the gap between two calls of a busy caller;
 * short enough that nothing worth having runs between invocations.
 */
export const FREEZE_DELAY_MS = 5
/**
 * And at most: one that is called again and again stays thawed for twice the time that it waited for its last call, so that
 * none of them pays for a freeze and a thaw.
 */
export const FREEZE_DELAY_LIMIT_MS = 200
/** How long a caller waits for an environment that has just answered, before another is started: about what a start costs. */
export const SETTLE_WAIT_MS = 50
/** The same where every place is taken, so that no other can be started: a busy machine takes its time. */
export const SETTLE_FULL_WAIT_MS = 1_000
/** How many kinds of start (interpreter, memory, /tmp) are kept pre-warmed: those asked for last. */
export const PREWARMED_KINDS = 4
/** How long after a request an environment without code is started in place of the one that it took: its start is not slowed. */
export const REFILL_DELAY_MS = 100
/** How long an environment without code may take to say that it is what it was told: it compares two texts. */
export const ASSIGNMENT_MS = 2_000
/** How long an exit waits for what the process wrote before it died. */
export const DRAIN_MS = 500
/** How long the spawner may take to say what it can do (probing starts two sandboxes). */
export const SPAWNER_START_MS = 15_000

/** Function output kept of one invocation, for the tail and the log file; what comes above is counted and dropped. */
export const LOG_INVOCATION_LIMIT_BYTES = 1_048_576
/** Once over that limit, output is read in sips, so that 1 GB of it costs its writer time and not us. */
export const LOG_SIP_PAUSE_MS = 5

/** Kept of one framed record (AWS: 256 KB an event), and what a frame may say that it holds: a longer one is damaged. */
export const FRAMED_RECORD_LIMIT_BYTES = 262_144
export const TELEMETRY_FRAME_LIMIT_BYTES = 16_777_216
/** The descriptor of framed records, where it is given: the place of the private channel, which is not there then. */
export const TELEMETRY_LOG_FD = 3

/** A frame on the private channel: the largest answer and its header. */
export const CHANNEL_FRAME_LIMIT_BYTES = 6_291_556 + 4_096
/** A frame between service and spawner. */
export const CONTROL_FRAME_LIMIT_BYTES = 1_048_576

/** AWS: the answer of init/error and invocation/error bodies that is kept. */
export const ERROR_BODY_LIMIT_BYTES = 6_291_556

/** AWS: 1,024 processes and threads, 1,024 descriptors (SPEC A4). */
export const PIDS_LIMIT = 1_024
export const DESCRIPTOR_LIMIT = 1_024
/** AWS: 1,769 MB is one vCPU (SPEC A4). */
export const MEMORY_MB_PER_CPU = 1_769
/** How often it is looked at what memory and processor time a running environment takes. */
export const USAGE_WATCH_MS = 100

/**
 * Host uids of environments: above every range that login, systemd or subuid give out, one block of 65,536 per spawner.
 * RULES §8: no function ever runs as the service's uid or as host uid 0.
 */
export const UID_BASE = 1_900_000_000
export const UID_BLOCKS = 3_000
export const UID_BLOCK_SIZE = 65_536
/** The uid and gid a function sees inside its sandbox (AWS: `sbx_user1051`, 993:990). */
export const SANDBOX_UID = 993
export const SANDBOX_GID = 990

/** AWS: so many extensions of one function, external and internal together (SPEC A8). */
export const EXTENSION_LIMIT = 10
/** A request body of the Extensions API: a few names. */
export const EXTENSION_BODY_LIMIT_BYTES = 65_536
/** SHUTDOWN, of external extensions or of internal ones alone (SPEC A6.3). Without any there is none. */
export const SHUTDOWN_EXTERNAL_MS = 2_000
export const SHUTDOWN_INTERNAL_MS = 500
/** The runtime's part of it where extensions have to follow. */
export const SHUTDOWN_RUNTIME_SHARE = 0.3

/** Where unmodified runtime clients find the Runtime API (SPEC A5). */
export const RUNTIME_API_PORT = 9_001

/** Where a function finds the egress proxy, where it has one: beside the Runtime API. */
export const EGRESS_PROXY_PORT = 9_002
/** Connections through it at a time, of one environment. */
export const EGRESS_CONNECTION_LIMIT = 64
/** The head of a request to it: a name, a port and a few headers. */
export const EGRESS_HEAD_LIMIT_BYTES = 8_192
/** How long that head may take, and then the connection to the host, its name included. */
export const EGRESS_HEAD_MS = 10_000
export const EGRESS_CONNECT_MS = 10_000
/** How long nothing may pass through a connection: what is kept alive over a freeze ends so. */
export const EGRESS_IDLE_MS = 120_000
/** Refusals told one by one in the log of an environment; the rest is counted. */
export const EGRESS_LOG_LIMIT_LINES = 100
