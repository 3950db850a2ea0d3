import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import openapi from '../../openapi.json' with { type: 'json' };
import { settingsSchema } from '../../src/settings.ts';

// What a cluster would find out late: that one manifest names what another does not have.

// biome-ignore lint/suspicious/noExplicitAny: manifests are of many shapes, and a wrong one shall fail by what is asked of it.
type Manifest = any;

const folder = join(import.meta.dirname, '../../infra/kubernetes');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
const manifestsIn = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => {
    expect(document.errors, file).toEqual([]);
    return document.toJS();
  });
const byFile = new Map(files.map((file) => [file, manifestsIn(file)]));
const all = [...byFile.values()].flat();
const ofKind = (kind: string): Manifest[] => all.filter((one) => one.kind === kind);

/** The templates of all pods, with a name for what goes wrong. */
const pods: { readonly name: string; readonly labels: Record<string, string>; readonly spec: Manifest }[] = [
  ...[...ofKind('Deployment'), ...ofKind('Job')].map((one) => toPod(one.metadata.name, one.spec.template)),
  ...ofKind('CronJob').map((one) => toPod(one.metadata.name, one.spec.jobTemplate.spec.template)),
  ...ofKind('RayCluster').flatMap(({ metadata, spec }) => [
    toPod(`${metadata.name} head`, spec.headGroupSpec.template),
    ...spec.workerGroupSpecs.map((group: Manifest) => toPod(group.groupName, group.template)),
  ]),
];
const containers = pods.flatMap((pod) => pod.spec.containers.map((container: Manifest) => ({ pod, container })));

function toPod(name: string, { metadata, spec }: Manifest) {
  return { name, labels: metadata.labels, spec };
}

const selects = (labels: Record<string, string>, pod: { labels: Record<string, string> }): boolean =>
  Object.entries(labels).every(([name, value]) => pod.labels[name] === value);

const portsOf = (spec: Manifest): number[] =>
  spec.containers.flatMap((one: Manifest) => (one.ports ?? []).map((port: Manifest) => port.containerPort));

describe('the manifests', () => {
  test('are all applied, but for the two that are applied by hand', () => {
    const [{ resources }] = byFile.get('kustomization.yaml') ?? [];
    const byHand = ['kustomization.yaml', 'migrate.yaml', 'secrets.example.yaml'];
    expect([...resources, ...byHand].toSorted()).toEqual(files.toSorted());
  });

  test('have a kind and a name, no two the same', () => {
    const names = all
      .filter(({ kind }) => kind !== 'Kustomization')
      .map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name.includes('undefined'))).toEqual([]);
  });

  test('read only secrets that there are, by keys that they have', () => {
    const kept = new Map(ofKind('Secret').map(({ metadata, stringData }) => [metadata.name, Object.keys(stringData)]));
    const read = containers.flatMap(({ container }) => [
      ...(container.envFrom ?? []).map(({ secretRef }: Manifest) => [secretRef.name, kept.get(secretRef.name)?.[0]]),
      ...(container.env ?? [])
        .filter(({ valueFrom }: Manifest) => valueFrom)
        .map(({ valueFrom }: Manifest) => [valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key]),
    ]);
    expect(read.length).toBeGreaterThan(3);
    expect(read.filter(([name, key]) => !kept.get(name)?.includes(key))).toEqual([]);
    const [ray] = ofKind('RayCluster');
    expect(kept.get(ray.spec.authOptions.secretName)).toEqual(['auth_token']);
  });

  test('set only settings that there are', () => {
    const set = [
      ...containers.flatMap(({ container }) => (container.env ?? []).map(({ name }: Manifest) => name)),
      ...ofKind('Secret').flatMap(({ stringData }) => Object.keys(stringData)),
    ];
    const known = [...Object.keys(settingsSchema.shape), 'HOST', 'PORT', 'auth_token'];
    expect(set.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('call routes that there are, at services and ports that there are', () => {
    const services = [
      ...ofKind('Service').map(({ metadata, spec }) => ({ name: metadata.name, ports: spec.ports.map(portOf) })),
      // Made by KubeRay.
      ...ofKind('RayCluster').map(({ metadata, spec }) => ({
        name: `${metadata.name}-head-svc`,
        ports: portsOf(spec.headGroupSpec.template.spec),
      })),
    ];
    const text = JSON.stringify(containers.map(({ container }) => container));
    const called = Array.from(text.matchAll(/http:\/\/([\w-]+)[\w.]*:(\d+)(\/[\w-]+)?/g), ([, host, port, path]) => ({
      host,
      port: Number(port),
      path,
    }));
    expect(called).toHaveLength(3);
    for (const { host, port, path } of called) {
      expect(services.find(({ name }) => name === host)?.ports, `${host}:${port}`).toContain(port);
      if (path) expect(openapi.paths).toHaveProperty([path, 'post']);
    }
    const probed = containers.flatMap(({ container }) => [container.readinessProbe, container.livenessProbe]);
    const paths = probed.filter(Boolean).map(({ httpGet }) => httpGet.path);
    expect(paths.toSorted()).toEqual(['/livez', '/readyz']);
    for (const path of paths) expect(openapi.paths).toHaveProperty([path, 'get']);
  });

  test('lead every service to pods', () => {
    for (const { metadata, spec } of ofKind('Service'))
      expect(pods.filter((pod) => selects(spec.selector, pod)).length, metadata.name).toBeGreaterThan(0);
  });
});

const portOf = ({ port }: { port: number }): number => port;

describe('what is closed', () => {
  test.each(pods)('$name has no account of Kubernetes', ({ spec }) => {
    expect(spec.automountServiceAccountToken).toBe(false);
  });

  test.each(containers.filter(({ pod }) => pod.labels['app']?.startsWith('mobula')))(
    '$pod.name runs as nobody in particular and can write nowhere',
    ({ pod, container }) => {
      expect(pod.spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    },
  );

  test('Ray asks for its token, and is of a version that does so everywhere', () => {
    const [{ spec }] = ofKind('RayCluster');
    expect(spec.authOptions.mode).toBe('token');
    const images = containers
      .map(({ container }) => container.image)
      .filter((image: string) => image.includes('/ray:'));
    expect(new Set(images)).toEqual(new Set([`rayproject/ray:${spec.rayVersion}`]));
    expect(spec.rayVersion.localeCompare('2.54.0', 'en', { numeric: true })).toBeGreaterThanOrEqual(0);
  });

  test('nobody is let in who is not named, and only the app and the operator to Ray’s dashboard', () => {
    const policies = ofKind('NetworkPolicy');
    expect(policies.find(({ spec }) => Object.keys(spec.podSelector).length === 0)?.spec.ingress).toBeUndefined();
    const toDashboard = policies
      .filter(({ spec }) => spec.podSelector.matchLabels?.app === 'ray')
      .flatMap(({ spec }) => spec.ingress)
      .filter(({ ports }) => ports?.some(({ port }: Manifest) => port === 8265))
      .flatMap(({ from }) => from.map(({ podSelector }: Manifest) => Object.values(podSelector.matchLabels)[0]));
    expect(toDashboard).toEqual(['mobula', 'kuberay-operator']);
  });

  test('a policy names pods that there are, and ports that they have', () => {
    for (const { metadata, spec } of ofKind('NetworkPolicy').filter(({ spec }) => spec.podSelector.matchLabels)) {
      const guarded = pods.filter((pod) => selects(spec.podSelector.matchLabels, pod));
      expect(guarded.length, metadata.name).toBeGreaterThan(0);
      const ports = guarded.flatMap((pod) => portsOf(pod.spec));
      for (const rule of spec.ingress) {
        for (const { port } of rule.ports ?? []) expect(ports, metadata.name).toContain(port);
        const near = rule.from.filter(({ namespaceSelector }: Manifest) => !namespaceSelector);
        for (const { podSelector } of near)
          expect(pods.some((pod) => selects(podSelector.matchLabels, pod))).toBe(true);
      }
    }
  });
});
