import { google } from '../../../functions/doors/google.ts';
import config from '../../../mobula.config.ts';

export const handler = google(config);
