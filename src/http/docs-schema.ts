/** As much of a JSON Schema as our own have. */
export interface Shape {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
}

/** The text of a value as HTML. */
export const html = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A sentence with `code` in it, as HTML. */
export const prose = (text: string): string => html(text).replace(/`([^`]+)`/g, '<code>$1</code>');

/** What a value of this shape is, in words, as HTML. */
export function shapeText(shape: Shape): string {
  const name = shape.$ref?.split('/').at(-1);
  if (name) return `<a href="#${html(name)}">${html(name)}</a>`;
  if (shape.anyOf) return [...new Set(shape.anyOf.map(shapeText))].join(' or ');
  const literals = shape.enum ?? ('const' in shape ? [shape.const] : null);
  if (literals) return literals.map((literal) => `<code>${html(JSON.stringify(literal))}</code>`).join(' or ');
  if (shape.items) return `array of ${shapeText(shape.items)}`;
  return html(
    [shape.format ?? [shape.type ?? 'anything'].flat().join(' or '), rangeText(shape)].filter(Boolean).join(', '),
  );
}

/** The safe integers are no bound that anybody meets. */
function rangeText({ minimum, maximum }: Shape): string {
  const [from, to] = [minimum, maximum].map((bound) => (Math.abs(bound ?? Infinity) < 2 ** 53 - 1 ? bound : undefined));
  if (from !== undefined && to !== undefined) return `${from} to ${to}`;
  return from === undefined ? (to === undefined ? '' : `at most ${to}`) : `at least ${from}`;
}

/** Rows of two cells each; nothing where there are none. */
export const rowsTable = (rows: readonly (readonly [string, string])[]): string =>
  rows.length > 0
    ? `<table>${rows.map((cells) => `<tr><td>${cells.join('</td><td>')}</td></tr>`).join('')}</table>`
    : '';

/** The fields of an object as rows of a table. */
export const fieldsTable = ({ properties = {}, required = [] }: Shape): string =>
  rowsTable(
    Object.entries(properties).map(([name, shape]) => {
      const must = required.includes(name) ? ' <span class="dim">required</span>' : '';
      const about = shape.description ? `<br>${prose(shape.description)}` : '';
      return [`<code>${html(name)}</code>${must}`, shapeText(shape) + about] as const;
    }),
  );
