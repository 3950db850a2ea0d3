import { databaseFaults } from './database-faults.ts';
import type { FaultKind } from './fault-kind.ts';
import { rayFaults } from './ray-faults.ts';
import { serverFaults } from './server-faults.ts';

/** Every kind of fault there is, with what Mobula owes after it. */
export const faultKinds: readonly FaultKind[] = [...serverFaults, ...databaseFaults, ...rayFaults];
