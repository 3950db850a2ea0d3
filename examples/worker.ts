import { worker } from 'mobula/worker';
import config from '../mobula.config.ts';

/** The sample deployment as a Cloudflare Worker; wrangler.toml points here. */
export default worker(config, { purgeCron: '17 3 * * *' });
