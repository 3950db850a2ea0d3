import { Pool } from 'pg';
import type { Db } from '../db.ts';
import { pooledDb, poolOptions } from './pooled.ts';

/** A database over TCP, by node-postgres; on Workers through Hyperdrive too. */
export const pgDb = (url: string, connections: number): Db => pooledDb(() => new Pool(poolOptions(url, connections)));
