import { worker } from 'mobula/worker';
import { deployment } from './deployment.ts';

export default worker(deployment, { purgeCron: '17 3 * * *' });
