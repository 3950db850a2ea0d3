import { openNodeDoor } from '../../../functions/doors/node.ts';
import config from '../../../mobula.config.ts';
import { compose } from '../../../src/compose.ts';

export const open = () =>
  openNodeDoor({ ...compose(config, process.env), callSeconds: 300 }, { host: '127.0.0.1', port: 0 });
