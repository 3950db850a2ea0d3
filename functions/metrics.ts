import { readStats, type Stats } from '../src/db/executions/stats.ts';
import { type Metric, prometheusText } from '../src/http/prometheus.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';

/** What the database knows, for Prometheus: no process keeps a count, so any of them answers alike. */
export const metricsRoute = ({ engine }: Deployed) =>
  route({
    method: 'GET',
    path: '/metrics',
    operationId: 'getMetrics',
    scope: 'read',
    summary: 'Counts and ages in the text format of Prometheus.',
    answers: { 200: { description: 'The metrics, as `text/plain`.' } },
    async handle() {
      const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' };
      return new Response(prometheusText(metricsOf(await readStats(engine.db))), { headers });
    },
  });

const metricsOf = ({ states, queues, oldestReadySeconds, digestOnly, clusters }: Stats): Metric[] => [
  {
    name: 'mobula_executions',
    type: 'gauge',
    help: 'Executions that are stored, by state.',
    samples: Object.entries(states).map(([state, value]) => ({ labels: { state }, value })),
  },
  {
    name: 'mobula_queue_executions',
    type: 'gauge',
    help: 'Unfinished executions, by queue and whether they are ready, delayed or running.',
    samples: Object.entries(queues).flatMap(([queue, counts]) =>
      Object.entries(counts).map(([stage, value]) => ({ labels: { queue, stage }, value })),
    ),
  },
  {
    name: 'mobula_oldest_ready_seconds',
    type: 'gauge',
    help: 'How long the oldest due execution has waited; 0 where none waits.',
    samples: [{ value: oldestReadySeconds ?? 0 }],
  },
  {
    name: 'mobula_results_digest_only_total',
    type: 'counter',
    help: 'Results whose store kept nothing, so that only the digest is known.',
    samples: [{ value: digestOnly }],
  },
  {
    name: 'mobula_cluster_attempts',
    type: 'gauge',
    help: 'Attempts in flight on a cluster.',
    samples: clusters.map(({ runner, cluster, running }) => ({ labels: { runner, cluster }, value: running })),
  },
  {
    name: 'mobula_cluster_away',
    type: 'gauge',
    help: 'Whether a cluster did not answer a moment ago (1), and is left in peace.',
    samples: clusters.map(({ runner, cluster, away }) => ({ labels: { runner, cluster }, value: away ? 1 : 0 })),
  },
];
