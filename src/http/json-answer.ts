/** A member whose value is JSON text already, and goes into the answer as it is. */
export type RawMember = readonly [key: string, text: string];

/** The text of an object made of texts. Values are spliced, not re-written: integers beyond 2^53 and key order survive. */
export const rawObject = (members: readonly RawMember[]): string =>
  `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;

/** The text of an array made of texts. */
export const rawArray = (items: readonly string[]): string => `[${items.join(',')}]`;

/** An answer whose body is this JSON text. */
export const rawAnswer = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(text, { status, headers: { 'content-type': 'application/json', ...headers } });

/** An answer whose body is an object of spliced texts. */
export const jsonAnswer = (
  status: number,
  members: readonly RawMember[],
  headers?: Readonly<Record<string, string>>,
): Response => rawAnswer(status, rawObject(members), headers);

/** An answer made of a plain value of our own; nothing of a task's making passes here, that is spliced. */
export const answer = (status: number, value: unknown, headers?: Readonly<Record<string, string>>): Response =>
  rawAnswer(status, JSON.stringify(value), headers);
