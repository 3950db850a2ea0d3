/**
 * All that a failure says of itself, with its causes, for the log. A failed statement is named without its text:
 * drizzle puts the parameters into its message, and among them are inputs.
 */
export function failureText(error: unknown): string {
  const texts: string[] = [];
  for (let cause = error; cause !== undefined && texts.length < causesMax; cause = causeOf(cause)) {
    texts.push(textOf(cause).slice(0, textLength));
  }
  return texts.join('\nCaused by: ');
}

const causesMax = 5;
const textLength = 8_192;

const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined);

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return `A thrown ${typeof error}`;
  if ('params' in error) return `${error.name} in a statement`;
  return error.stack ?? `${error.name}: ${error.message}`;
}
