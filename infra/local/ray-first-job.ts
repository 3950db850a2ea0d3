import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

interface Answer {
  readonly status: number;
  readonly text: string;
}

const patienceMs = 120_000;

/**
 * Returns when a fresh cluster has run a job, and was told to forget it (Ray sometimes writes the record of a job that it
 * has just forgotten once more, and says FAILED); the dashboard answers seconds before jobs are
 * taken. Throws what `failure` rejects with, or when it takes two minutes.
 *
 * Over node:http, because Node's fetch sends a header (Sec-Fetch-Mode) by which Ray takes it for a browser and refuses.
 */
export async function awaitFirstJob(url: string, token: string | undefined, failure: Promise<never>): Promise<void> {
  const call = (method: string, path: string, body?: object) => send(`${url}${path}`, method, token, body);
  const until = Date.now() + patienceMs;
  const within = async (question: () => Promise<boolean>) => {
    while (!(await Promise.race([question().catch(() => false), failure]))) {
      if (Date.now() > until) throw new Error(`Ray took no job within ${patienceMs / 1000} s.`);
      await sleep(200);
    }
  };
  const job = { entrypoint: 'true', submission_id: 'mobula-first-job' };
  await within(async () => (await call('POST', '/api/jobs/', job)).status === 200);
  await within(async () => (await call('GET', '/api/jobs/mobula-first-job')).text.includes('"SUCCEEDED"'));
  await within(async () => (await call('DELETE', '/api/jobs/mobula-first-job')).status === 200);
}

function send(url: string, method: string, token: string | undefined, body?: object): Promise<Answer> {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers, timeout: 30_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error('Ray did not answer.')));
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
}
