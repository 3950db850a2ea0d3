/**
 * How the place we run in differs from a process of one's own, as its door says: two calls may not share what they have
 * open, connections are few, and requests are counted.
 */
export interface Platform {
  /** Makes something anew for each call that uses it, and answers a stand-in that is each call's own. */
  perCall<T extends object>(make: () => T): T;
  /** To the database, that one call may have open at once. */
  readonly connections: number;
  /** Carries every request of ours, and counts them. */
  readonly fetch: typeof fetch;
  /** How many more the running call may make. */
  requestsLeft(): number;
}
