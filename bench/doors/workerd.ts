import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The runtime itself, which comes with wrangler. */
export function findWorkerd(): string {
  const wrangler = fileURLToPath(import.meta.resolve('wrangler'));
  return join(dirname(createRequire(wrangler).resolve('workerd/package.json')), 'bin/workerd');
}

interface Served {
  readonly script: string;
  readonly port: number;
  readonly vars: Readonly<Record<string, string>>;
}

/** Writes what tells workerd to serve a bundled Worker on a port, beside its script; answers the file's path. */
export async function writeWorkerdConfig({ script, port, vars }: Served): Promise<string> {
  const bindings = Object.entries(vars).map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`);
  const path = join(dirname(script), `workerd-${port}.capnp`);
  await writeFile(
    path,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "mobula", worker = .mobula), (name = "internet", network = (allow = ["private", "local"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "mobula")],
);
const mobula :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "${basename(script)}")],
  compatibilityDate = "2026-11-17",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [${bindings.join(', ')}],
);
`,
  );
  return path;
}
