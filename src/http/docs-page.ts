import { type Operation, operationLink, operationSection, type Shown } from './docs-operation.ts';
import { fieldsTable, html, prose, rowsTable, type Shape } from './docs-schema.ts';
import { docsStyle } from './docs-style.ts';

type Described = Readonly<Record<string, { readonly description: string }>>;

/** As much of an OpenAPI document as the page shows. */
export interface ShownDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Shape>>;
    readonly responses: Described;
    readonly securitySchemes: Described;
  };
}

/** The API as one page for a person, made of its document. It asks nothing of anybody: no script, no font, no picture. */
export function docsPage({ info, paths, components }: ShownDocument): string {
  const { schemas, responses, securitySchemes } = components;
  const shown: Shown[] = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${html(info.title)} API</title><style>${docsStyle}</style></head><body>
<header><h1>${html(info.title)} API <span class="dim">${html(info.version)}</span></h1><p>${prose(info.description)}</p></header>
<nav>${shown.map(operationLink).join('\n')}</nav>
<main>${shown.map(operationSection).join('\n')}
${section('proofs', 'Proofs', describedTable('proof', securitySchemes))}
${section('problems', 'Answers of any route', describedTable('answer', responses))}
${Object.entries(schemas)
  .map(([name, shape]) => section(name, name, fieldsTable(shape)))
  .join('\n')}</main>
</body></html>
`;
}

const section = (id: string, title: string, table: string): string =>
  `<section id="${html(id)}"><h2>${html(title)}</h2>${table}</section>`;

const describedTable = (prefix: string, described: Described): string =>
  rowsTable(
    Object.entries(described).map(
      ([name, { description }]) =>
        [`<code id="${html(`${prefix}-${name}`)}">${html(name)}</code>`, prose(description)] as const,
    ),
  );
