import { lambda } from '../../../functions/doors/lambda.ts';
import config from '../../../mobula.config.ts';

export const handler = lambda(config);
