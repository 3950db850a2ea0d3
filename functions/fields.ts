import * as z from 'zod';
import { limits } from '../src/core/limits.ts';

/** Fields that several functions take. A null is the same as none. */

export const queueName = z.string().nullish();

/** A filter by one name or several; an empty list filters nothing. */
export const queueNames = z
  .union([z.string(), z.array(z.string()).max(100)])
  .nullish()
  .transform((names) => (typeof names === 'string' ? [names] : names?.length ? names : null));

/** There is one backend; the field is here because the ancestors' schedulers send it. */
export const backendName = z.literal('default').nullish();

export const seconds = z.number().nullish();

export const flag = z.boolean().nullish().transform(Boolean);

export const waitSeconds = z.number().min(0).max(limits.waitSeconds).optional();
