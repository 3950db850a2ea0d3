import { vercel } from '../../../functions/doors/vercel.ts';
import config from '../../../mobula.config.ts';

export const handler = vercel(config);
