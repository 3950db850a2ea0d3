import { worker } from 'mobula/worker';
import { deployment, subrequests } from './deployment.ts';

/** One that may make few requests in a call. */
export default worker(deployment, { subrequests });
