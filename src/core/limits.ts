/** Every bound of the system that is not a setting, with its reason. Seconds, bytes and counts are in the names. */
export const limits = {
  /** A name must fit a URL, a metric label and an index entry. */
  nameLength: 200,
  /** Deeper JSON is stored once and then breaks readers: JavaScript's own writer gives up near 4,000. */
  jsonDepth: 64,
  uniqueKeyLength: 255,
  /** Metadata travels with every status answer. */
  metadataBytes: 16_384,
  /** Progress lives in the hot row. */
  progressBytes: 4_096,
  priorityMin: -100,
  priorityMax: 100,
  attemptsMax: 100,
  /** What Ray is told of a job may have 100,000 characters, of which each execution takes some 400. */
  executionsPerJobMax: 100,
  batchTasks: 1_000,
  /** A page of a list ends behind the value that reaches this, as platforms bound an answer. */
  listedBytes: 2_097_152,
  /** One answer of `/run` names at most this many executions. */
  runTasksListed: 1_000,
  /** Outcomes written by one statement: past 1,000 planning and commit are a small share of it (bench/results.md). */
  flushOutcomes: 1_000,
  /** Values written by one statement, in characters: a share of what Neon takes at once. */
  flushBytes: 8 * 1_048_576,
  /** Executions taken by one claim; the same measurements. */
  claimBatch: 1_000,
  /** A longer input does not come along with its claim: a thousand are a share of a Worker's 128 MB and of Neon's 64 MiB. */
  claimedInputBytes: 16_384,
  /** Claims of `gatedClaim` rows or more that may be under way at once, over all calls: of 64, each takes a third as fast. */
  claimsAtOnce: 8,
  gatedClaim: 100,
  /** Rows that one housekeeping statement moves, so that none of them outlives a time budget. */
  sweepBatch: 1_000,
  /** Where a platform counts a call's requests, so many are kept for its end: outcomes, the lease, a last look. */
  requestsForTheEnd: 12,
  /** Ray jobs asked after by one `/run`: one GET each, and a head answers about 500 a second. */
  checksPerRun: 200,
  /** Calls to one Ray cluster at once: its head serves few, and Workers allow six open connections. */
  rayCallsAtOnce: 6,
  /** Attempts spoken of in one call of the gateway's to the app, and of ours to it. */
  attemptsPerCall: 500,
  /** Inputs answered to one such begin, as platforms bound an answer: what is beyond it is begun by a later one. */
  beginBytes: 2_097_152,
  /** Of a job's log, asked for at once. */
  logLines: 1_000,
  /** A cluster that did not answer is left in peace this long: a share of a cron period, so that its return is soon seen. */
  breakerSeconds: 10,
  /** So many jobs in a row without an answer, and the cluster is taken to be away. */
  rayCallsUnanswered: 3,
  storeCallsAtOnce: 4,
  /** Ray's records are deleted this long after the final state: a late start of the same id must still be refused. */
  rayRecordSeconds: 600,
  /** How long an idempotency key is kept after its execution was purged. */
  idempotencySeconds: 90 * 86_400,
  /** Objects that nothing refers to are swept when this old: an upload in flight is younger. */
  orphanObjectSeconds: 86_400,
  /** A removal that takes longer was cut off, and is taken up again. */
  removalSeconds: 600,
  /** One call to a result store, or the wait for the next piece of a value; a transfer gets more by its length. */
  storeCallSeconds: 10,
  /** A transfer slower than this is given up. */
  storeBytesPerSecondMin: 262_144,
  /** A driver asks for the URL and uses it at once, with its few tries; it is good for one content under one key. */
  signedUploadSeconds: 3_600,
  /** Whoever holds the URL has the value. */
  signedDownloadSeconds: 300,
  statusTokenSeconds: 7 * 86_400,
  /** How far the time of a signed webhook may be from ours; Standard Webhooks' own five minutes. */
  webhookToleranceSeconds: 300,
  /** How far the clock of who signs a token may be ahead of the database's. */
  clockSkewSeconds: 30,
  /** An issuer's keys are believed this long without asking again: as long as the tokens they sign. */
  oidcKeysSeconds: 3_600,
  /** An unknown key is asked after so seldom, or strangers could make us ask at will. */
  oidcRefetchSeconds: 60,
  /** While an issuer does not answer and no key of its is held, it is asked again after this. */
  oidcRetrySeconds: 5,
  oidcCallSeconds: 5,
  oidcKeysBytes: 262_144,
  waitSeconds: 60,
  retryDelaySecondsMax: 3_600,
  /** A timer for longer fires at once, in every JavaScript runtime. */
  timerMsMax: 2_147_483_647,
  errorMessageCharacters: 4_096,
  tracebackCharacters: 32_768,
  /** A result read back through the app in one piece; larger ones are redirected or streamed. */
  resultInMemoryBytes: 8 * 1_048_576,
} as const;
