import { sql } from 'drizzle-orm';

// An execution `e` that somebody holds or drives, in the words of the partial indexes that have these rows.

export const isInFlight = sql`e.state in ('RUNNING', 'CANCELLING')`;

/** Inline: found by its holder. */
export const isHeld = sql`${isInFlight} and e.runner = 'inline'`;

/** Elsewhere: found by when it is to be looked after. */
export const isOnCluster = sql`${isInFlight} and e.runner <> 'inline'`;
