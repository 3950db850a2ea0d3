/** A text with the values of what its names call secret replaced by `[redacted]`. */
export type Redaction = (text: string) => string;

/** What calls its value a secret, in any case and as a part of longer names too: `OPENAI_API_KEY`, `x-auth-token`. Contract §5. */
const builtIns = [
  'passw(?:or)?d',
  'secret',
  'token',
  'api[-_ ]?key',
  'authorization',
  'cookie',
  'credential',
  'private[-_ ]?key',
] as const;

/**
 * The rest of a name, what may close it, and what leads to its value. Bounded, so that no text takes long. Not a place in
 * a source such as `tokens.ts:10:5`, and not what is redacted already.
 */
const toValue = String.raw`(?![\w-]{0,64}\.(?:[cm]?[jt]sx?|py):\d)[\w.-]{0,64}(?:\\*["'\`])?\]?\s{0,8}(?:=>|:|=(?!>))\s{0,8}(?!\[redacted\])`;

/** A value in quotes, of which the first is `open`; in quotes within a quoted text, which have backslashes; or without any. */
const inQuotes = String.raw`(?<open>[a-z]{0,2}(?<quote>"""|'''|["'\`]))(?:\\.|(?!\k<quote>)[^\\\n])*`;
const inEscapedQuotes = String.raw`(?<openEscaped>\\+["'])(?:(?!(?<!\\)\k<openEscaped>)[^\n])*`;
const bare = String.raw`(?:(?:bearer|basic|digest|token)\s+)?(?:[^\s,;&]|,(?!["'\s]|$))+`;

/** Lines of a request's or an answer's head: their values have blanks and semicolons of their own. */
const headLine = /((?:authorization|cookie)[\w-]{0,64}\s{0,8}:\s{0,8})(?!["'\\\s])[^\n]+/gi;
const keyBlock = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,40}-----)?/g;
const passwordInUrl = /(?<=:\/\/[^\s/@:]{0,256}:)[^\s/@]+(?=@)/g;

const mark = '[redacted]';

/**
 * Takes values out of texts that people will read: errors, tracebacks, logs. A value is what follows a name and `=`, `:` or
 * `=>`; `patterns` are regular expressions for further names, beside the built-in ones. A private key in PEM and the password
 * of a URL are known by their form. It is naive about values without a name, and takes a harmless one now and then.
 */
export function redactionBy(patterns: readonly string[]): Redaction {
  const names = [...builtIns, ...patterns].map((pattern) => `(?:${pattern})`).join('|');
  const named = new RegExp(`(?<name>(?:${names})${toValue})(?:${inQuotes}|${inEscapedQuotes}|${bare})`, 'gi');
  return (text) =>
    text
      .replace(keyBlock, mark)
      .replace(passwordInUrl, mark)
      .replace(headLine, `$1${mark}`)
      .replace(named, (found, ...rest) => {
        const { name, open, openEscaped } = rest.at(-1) as Record<string, string | undefined>;
        const opened = open ?? openEscaped;
        return `${name}${opened ?? ''}${mark}${opened === undefined ? closersOf(found) : ''}`;
      });
}

/** Whether a text can be one of the patterns: among the others, and not one that is found in every text. */
export function isPattern(text: string): boolean {
  try {
    redactionBy([text]);
    return !new RegExp(text, 'i').test('');
  } catch {
    return false;
  }
}

/** Brackets and quotes at the end of a bare value belong to what stands around it. */
function closersOf(found: string): string {
  let end = found.length;
  while (end > 0 && `)]}"'\``.includes(found.charAt(end - 1))) end -= 1;
  return found.slice(end);
}
