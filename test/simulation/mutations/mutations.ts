import type { Mutation } from './mutation.ts';
import { mutationsOfPorts } from './mutations-of-ports.ts';
import { mutationsOfStatements } from './mutations-of-statements.ts';

/** Each of them is a bug that somebody once shipped, or nearly did. */
export const mutations: readonly Mutation[] = [...mutationsOfPorts, ...mutationsOfStatements];
