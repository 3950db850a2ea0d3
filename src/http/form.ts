import * as z from 'zod';

type Shape = z.core.JSONSchema.BaseSchema;

/** Reads the pairs of a form or a query string as the value that a schema expects. It checks nothing. */
export type FormReader = (pairs: URLSearchParams) => Record<string, unknown>;

/**
 * A reader for forms of this schema: a text becomes a number or a boolean only where the schema takes no text, a
 * repeated key becomes a list, and what fits nothing stays as it is, to be refused by the schema under its name.
 */
export function formReader(schema: z.ZodObject): FormReader {
  const document: Shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const shapes = new Map(Object.entries(document.properties ?? {}));
  const readAs = (texts: string[], shape: Shape): unknown => {
    const forms = alternatives(shape, document);
    const list = forms.find(({ type }) => type === 'array');
    const takesOne = forms.some(({ type }) => type !== 'array');
    if (texts.length === 1 && (takesOne || !list)) return readOne(texts[0]!, forms);
    const items = list?.items;
    if (typeof items !== 'object' || Array.isArray(items)) return texts;
    return texts.map((text) => readOne(text, alternatives(items, document)));
  };
  return (pairs) =>
    Object.fromEntries(
      [...new Set(pairs.keys())].map((key) => {
        const shape = shapes.get(key);
        return [key, readAs(pairs.getAll(key), typeof shape === 'object' ? shape : {})];
      }),
    );
}

/** The plain shapes that a shape allows, through unions and names. */
function alternatives(shape: Shape, document: Shape): Shape[] {
  const named = shape.$ref?.startsWith('#/$defs/') ? document.$defs?.[shape.$ref.slice('#/$defs/'.length)] : undefined;
  if (named) return alternatives(named, document);
  const branches = shape.anyOf ?? shape.oneOf ?? shape.allOf;
  return branches
    ? branches.flatMap((branch) => (typeof branch === 'object' ? alternatives(branch, document) : []))
    : [shape];
}

const decimal = /^-?\d+(?:\.\d+)?$/;

function readOne(text: string, forms: readonly Shape[]): string | number | boolean {
  const takes = (...types: string[]) =>
    forms.some(({ type }) => [type].flat().some((allowed) => types.includes(allowed ?? '')));
  if (takes('string')) return text;
  if (takes('number', 'integer') && decimal.test(text)) return Number(text);
  if (takes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
