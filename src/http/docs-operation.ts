import { fieldsTable, html, prose, rowsTable, type Shape, shapeText } from './docs-schema.ts';

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Shape }>>;
}

/** As much of an operation of an OpenAPI document as is shown. */
export interface Operation extends RequestWords {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly responses: Readonly<Record<string, Content & { readonly $ref?: string; readonly description?: string }>>;
}

interface RequestWords {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: Shape;
    readonly description?: string;
  }[];
  readonly requestBody?: Content;
}

/** An operation where it is. */
export interface Shown {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** Its line in the list at the side. */
export const operationLink = (each: Shown): string =>
  `<a href="#${html(each.operation.operationId)}">${heading(each)}</a>`;

const heading = ({ method, path }: Shown): string =>
  `<span class="method">${method}</span> <span class="path">${html(path)}</span>`;

/** What it does, who may ask for it, what it takes and what it answers. */
export function operationSection(each: Shown): string {
  const { operationId, summary, description = '', security } = each.operation;
  const proofs = security.flatMap((choice) => Object.keys(choice)).map((proof) => linked(`proof-${proof}`, proof));
  return `<section id="${html(operationId)}"><h2>${heading(each)}</h2>
<p>${prose(`${summary} ${description}`.trim())}</p>
<p>${proofs.length > 0 ? `Needs one of: ${proofs.join(', ')}.` : 'Public.'}</p>
${requestTables(each.operation)}
${answersTables(each.operation)}</section>`;
}

const linked = (target: string, text: string): string => `<a href="#${html(target)}">${html(text)}</a>`;

const bodyOf = (content: Content | undefined): Shape => content?.content?.['application/json']?.schema ?? {};

const titled = (title: string, table: string): string => (table ? `<h3>${title}</h3>${table}` : '');

function requestTables({ parameters = [], requestBody }: RequestWords): string {
  const rows = parameters.map(
    ({ name, in: place, schema, description = '' }) =>
      [
        `<code>${html(name)}</code> <span class="dim">${place}</span>`,
        `${shapeText(schema)}<br>${prose(description)}`,
      ] as const,
  );
  return titled('Parameters', rowsTable(rows)) + titled('Body', fieldsTable(bodyOf(requestBody)));
}

/** Its own answers in full; those that many may give by number, since they are told once for all. */
function answersTables({ responses }: Operation): string {
  const all = Object.entries(responses);
  const own = all.filter(([, { $ref }]) => !$ref);
  const shared = all.filter(([, { $ref }]) => $ref).map(([status]) => linked(`answer-${status}`, status));
  const rows = own.map(
    ([status, response]) => [status, prose(response.description ?? '') + fieldsTable(bodyOf(response))] as const,
  );
  return `${titled('Answers', rowsTable(rows))}<p>And as any route: ${shared.join(', ')}.</p>`;
}
