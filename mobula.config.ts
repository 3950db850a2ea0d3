import { defineConfig } from 'mobula';
import * as samples from './examples/sample-tasks.ts';

/** The example deployment: what `npm run serve` serves where MOBULA_TASKS names no other tasks. */
export default defineConfig({ tasks: Object.values(samples) });
