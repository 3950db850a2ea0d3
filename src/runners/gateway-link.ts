import * as z from 'zod';
import { gatewaySigner } from './gateway-signature.ts';
import { parseAnswer, wordOf } from './ray-answer.ts';
import { rayHttp } from './ray-http.ts';
import type { RayTransport } from './ray-transport.ts';

export interface GatewayOptions {
  /** Where the Serve application is served, its route prefix included. */
  readonly address: string;
  /** The app's secret; of several, the first. */
  readonly secret: string;
  /** For a proxy in front of it. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly transport?: RayTransport | undefined;
  readonly timeoutMs?: number | undefined;
  /** Milliseconds since 1970: the gateway believes a signature for five minutes. */
  readonly now?: (() => number) | undefined;
}

/** What each answer of a gateway says of itself: the process that holds the attempts, and the Ray below it. */
const self = { session: z.string().min(1), ray_version: z.string() };

export const startsAnswer = z.object({
  ...self,
  attempts: z.array(z.object({ status: z.enum(['accepted', 'refused', 'full']), message: z.string().optional() })),
});
export const sightsAnswer = z.object({
  ...self,
  jobs: z.array(z.object({ status: z.enum(['pending', 'running', 'failed', 'gone']), message: z.string().optional() })),
});
export const cancelAnswer = z.object(self);

/** An answer of the gateway's, or why there is none that can be trusted. */
export type GatewayAnswer<Value> =
  | { readonly kind: 'answered'; readonly value: Value }
  | { readonly kind: 'denied' | 'unreachable'; readonly message: string };

export type GatewayLink = ReturnType<typeof gatewayLink>;

/** Speaks to one gateway: every call is signed, bounded in time and bytes, and nothing is thrown. */
export function gatewayLink({
  address,
  secret,
  headers,
  transport,
  timeoutMs = 15_000,
  now = Date.now,
}: GatewayOptions) {
  const http = rayHttp({ address, headers, transport });
  const sign = gatewaySigner(secret, now);
  return {
    /** The address without credentials. */
    base: http.base,
    async ask<Schema extends z.ZodType>(
      path: string,
      question: object,
      schema: Schema,
    ): Promise<GatewayAnswer<z.output<Schema>>> {
      const body = JSON.stringify(question);
      const answer = await http.post(path, body, { timeoutMs, headers: await sign(path, body) });
      const value = parseAnswer(answer, schema);
      if (value !== null) return { kind: 'answered', value };
      const isDenied = answer.kind === 'answered' && (answer.status === 401 || answer.status === 403);
      if (isDenied) return { kind: 'denied', message: denied };
      return {
        kind: 'unreachable',
        message: wordOf(answer, http.redact).replace('RAY_ADDRESS', 'MOBULA_RAY_CORE_ADDRESS'),
      };
    },
  };
}

const denied =
  'The gateway refuses our signature. Deploy it with this MOBULA_SECRET, and compare the clocks of both machines.';
