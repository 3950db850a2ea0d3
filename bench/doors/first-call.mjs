// What a platform does with a bundle in a process of its own, as far as its first call needs it. A function is called here,
// and the answer's status is written; a server is opened, and its port is written.
import { once } from 'node:events';
import { createServer } from 'node:http';

const [door, bundle, path, token] = process.argv.slice(2);

const ways = {
  async node({ open }) {
    const { url } = await open();
    return { port: Number(new URL(url).port) };
  },
  async google({ handler }) {
    const server = createServer(handler).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: server.address().port };
  },
  async lambda({ handler }) {
    const http = { method: 'GET', path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'bench' };
    const requestContext = { domainName: 'abc123.lambda-url.eu-central-1.on.aws', http };
    const headers = { host: requestContext.domainName, authorization: `Bearer ${token}` };
    const event = {
      version: '2.0',
      rawPath: path,
      rawQueryString: '',
      headers,
      requestContext,
      isBase64Encoded: false,
    };
    return { status: (await handler(event, { getRemainingTimeInMillis: () => 60_000 })).statusCode };
  },
  async vercel({ handler }) {
    const headers = { authorization: `Bearer ${token}` };
    return { status: (await handler(new Request(`https://mobula.vercel.app${path}`, { headers }))).status };
  },
};

process.stdout.write(`${JSON.stringify(await ways[door](await import(bundle)))}\n`);
