import { lambda } from 'mobula/lambda';
import { deployment } from './deployment.ts';
import { type DoorCall, type OpenDoor, settings } from './door.ts';

// The shapes are recorded from AWS's documentation, with what identifies anybody replaced.

type Shape = (call: DoorCall) => object;

const domainName = 'abc123.lambda-url.eu-central-1.on.aws';
const splitPath = (path: string): [string, string] => {
  const [before = '', query = ''] = path.split('?');
  return [before, query];
};
const base64 = (body: string): string => Buffer.from(body).toString('base64');
const inLists = (record: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, [value]]));

const functionUrl: Shape = ({ method, path, headers = {}, body }) => {
  const [rawPath, rawQueryString] = splitPath(path);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: { ...headers, host: domainName, 'x-forwarded-proto': 'https' },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abc123',
      domainName,
      domainPrefix: 'abc123',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'test' },
      requestId: '9d3b3f0e-0000-4000-8000-000000000000',
      routeKey: '$default',
      stage: '$default',
      time: '21/Nov/2026:06:00:00 +0000',
      timeEpoch: 1_795_240_800_000,
    },
    ...(body === undefined ? { isBase64Encoded: false } : { body: base64(body), isBase64Encoded: true }),
  };
};

const restApi: Shape = ({ method, path, headers = {}, body }) => {
  const [before, query] = splitPath(path);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  return {
    resource: '/{proxy+}',
    path: before,
    httpMethod: method,
    headers: { ...headers, Host: 'abc123.execute-api.eu-central-1.amazonaws.com' },
    multiValueHeaders: inLists({ ...headers, Host: 'abc123.execute-api.eu-central-1.amazonaws.com' }),
    queryStringParameters: query ? parameters : null,
    multiValueQueryStringParameters: query ? inLists(parameters) : null,
    pathParameters: { proxy: before.slice(1) },
    stageVariables: null,
    requestContext: {
      resourcePath: '/{proxy+}',
      httpMethod: method,
      path: `/prod${before}`,
      accountId: '123456789012',
      protocol: 'HTTP/1.1',
      stage: 'prod',
      domainName: 'abc123.execute-api.eu-central-1.amazonaws.com',
      identity: { sourceIp: '203.0.113.7', userAgent: 'test' },
      apiId: 'abc123',
    },
    body: body ?? null,
    isBase64Encoded: false,
  };
};

const loadBalancer: Shape = ({ method, path, headers = {}, body }) => {
  const [before, query] = splitPath(path);
  return {
    requestContext: {
      elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mobula/0' },
    },
    httpMethod: method,
    path: before,
    queryStringParameters: Object.fromEntries(new URLSearchParams(query)),
    headers: { ...headers, host: 'mobula.example.com', 'x-forwarded-proto': 'https' },
    body: body ?? '',
    isBase64Encoded: false,
  };
};

export const lambdaShapes = { 'function URL': functionUrl, 'REST API': restApi, 'load balancer': loadBalancer };

/** What a function answers to HTTP; with `multiValueHeaders` where its event had them. */
interface LambdaAnswer {
  readonly statusCode: number;
  readonly headers?: Record<string, string>;
  readonly multiValueHeaders?: Record<string, string[]>;
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

export const withMinutes = (minutes: number) => ({ getRemainingTimeInMillis: () => minutes * 60_000 });

/** A Lambda function that HTTP reaches in one of its shapes, and EventBridge Scheduler directly. */
export function openLambda(databaseUrl: string, shape: Shape, more: Readonly<Record<string, string>> = {}): OpenDoor {
  const handler = lambda(deployment, { env: { ...settings, ...more, DATABASE_URL: databaseUrl } });
  return {
    async call(call) {
      const answer = (await handler(shape(call), withMinutes(1))) as LambdaAnswer;
      const lists = Object.entries(answer.multiValueHeaders ?? {}).map(
        ([name, [value = '']]) => [name, value] as const,
      );
      return {
        status: answer.statusCode,
        headers: new Headers(answer.headers ?? Object.fromEntries(lists)),
        text: answer.isBase64Encoded ? Buffer.from(answer.body, 'base64').toString() : answer.body,
      };
    },
    cron: () => handler({ route: '/run' }, withMinutes(1)),
    close: () => Promise.resolve(),
  };
}
