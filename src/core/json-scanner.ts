/** Why a text is refused. `syntax`: it is no JSON at all. The others: it is, and we do not take it. */
export type JsonReason = 'syntax' | 'depth' | 'nul' | 'surrogate' | 'number' | 'duplicate';

export interface JsonProblem {
  readonly reason: JsonReason;
  /** Dotted path to the value to blame, `tasks.3.input`; empty for the whole text. */
  readonly path: string;
  /** Offset in the text, in UTF-16 units. */
  readonly at: number;
}

/** What the scanner wants next: a value, what may follow one, or nothing more. */
type Step = 'value' | 'after' | 'end' | 'broken';

const [tab, newline, carriageReturn, space, quote, comma, minus, zero, nine] = [9, 10, 13, 32, 34, 44, 45, 48, 57];
const [colon, openArray, backslash, closeArray, openObject, closeObject] = [58, 91, 92, 93, 123, 125];

/**
 * Reads one JSON text from front to back, once and without recursion, and copies it without what means nothing: white
 * space, and escapes of characters that need none. A text that is compact already is not copied at all.
 *
 * A value that we do not take does not stop the reading, so that what is no JSON is always told apart from what is.
 * The first of each kind is kept.
 */
export class JsonScanner {
  /** Where the members of a top-level object (key start, key end, start, end) or items (start, end) are in the copy. */
  readonly bounds: number[] = [];
  problem: JsonProblem | null = null;

  private readonly text: string;
  private readonly depthMax: number;
  private at = 0;
  private copy = '';
  private copiedTo = 0;
  private depth = 0;
  /** By depth: whether the container is an object, and where in it we are: a key's start, or an index; -1 is nowhere. */
  private readonly objects: boolean[] = [false];
  private readonly places: number[] = [-1];

  constructor(text: string, depthMax: number) {
    this.text = text;
    this.depthMax = depthMax;
  }

  /** The compact text; `problem` says whether it is to be trusted. */
  scan(): string {
    let step: Step = 'value';
    while (step === 'value' || step === 'after') step = step === 'value' ? this.value() : this.after();
    if (step === 'broken') this.problem = { reason: 'syntax', path: '', at: Math.min(this.at, this.text.length) };
    if (this.copiedTo === 0) return this.text;
    this.drop(this.text.length);
    return this.copy;
  }

  private value(): Step {
    this.skipSpace();
    if (this.depth === 1) this.mark();
    const code = this.text.charCodeAt(this.at);
    if (code === quote) return this.string() ? 'after' : 'broken';
    if (code === openObject || code === openArray) return this.open(code === openObject);
    if (code === minus || isDigit(code)) return this.number() ? 'after' : 'broken';
    const word = code === 0x74 ? 'true' : code === 0x66 ? 'false' : 'null';
    if (!this.text.startsWith(word, this.at)) return 'broken';
    this.at += word.length;
    return 'after';
  }

  private after(): Step {
    if (this.depth === 1) this.mark();
    this.skipSpace();
    if (this.depth === 0) return this.at === this.text.length ? 'end' : 'broken';
    const code = this.text.charCodeAt(this.at);
    const isObject = this.objects[this.depth]!;
    if (code === (isObject ? closeObject : closeArray)) return this.close();
    if (code !== comma) return 'broken';
    this.at += 1;
    if (isObject) return this.key();
    this.places[this.depth]! += 1;
    return 'value';
  }

  private open(isObject: boolean): Step {
    if (this.depth === this.depthMax) this.refuse('depth');
    this.depth += 1;
    this.objects[this.depth] = isObject;
    this.places[this.depth] = isObject ? -1 : 0;
    this.at += 1;
    this.skipSpace();
    if (this.text.charCodeAt(this.at) === (isObject ? closeObject : closeArray)) return this.close();
    return isObject ? this.key() : 'value';
  }

  private close(): Step {
    this.at += 1;
    this.depth -= 1;
    return 'after';
  }

  private key(): Step {
    this.skipSpace();
    const start = this.at;
    this.places[this.depth] = -1;
    if (this.depth === 1) this.mark();
    if (this.text.charCodeAt(start) !== quote || !this.string()) return 'broken';
    if (this.depth === 1) this.mark();
    this.places[this.depth] = start;
    this.skipSpace();
    if (this.text.charCodeAt(this.at) !== colon) return 'broken';
    this.at += 1;
    return 'value';
  }

  private string(): boolean {
    const { text } = this;
    let { at } = this;
    let code: number;
    do {
      at += 1;
      code = text.charCodeAt(at);
      if (isOrdinary(code) || code === quote) continue;
      this.at = at;
      if (!this.special(code)) return false;
      at = this.at - 1;
    } while (code !== quote);
    this.at = at + 1;
    return true;
  }

  /** Passes one character of a string, or an escape, that is not to be copied unseen. */
  private special(code: number): boolean {
    if (code === backslash) return this.escape();
    if (code >= 0xd800) this.rawSurrogate(code);
    else if (code === 0) this.refuse('nul');
    else return false; // a control character, or NaN past the end
    this.at += 1;
    return true;
  }

  private rawSurrogate(code: number): void {
    if (code < 0xdc00 && isLowSurrogate(this.text.charCodeAt(this.at + 1))) this.at += 1;
    else this.refuse('surrogate');
  }

  private escape(): boolean {
    const start = this.at;
    const code = this.text.charCodeAt(start + 1);
    if (code !== 0x75) {
      this.at += 2;
      return simpleEscapes.has(code);
    }
    const unit = this.hex(start + 2);
    if (unit < 0) return false;
    this.at += 6;
    if (unit === 0) this.refuse('nul');
    else if (unit >= 0xd800 && unit <= 0xdfff) this.escapedSurrogate(unit);
    else if (unit >= 0x80) this.replace(start, String.fromCharCode(unit));
    return true;
  }

  private escapedSurrogate(unit: number): void {
    const low = this.text.startsWith('\\u', this.at) ? this.hex(this.at + 2) : -1;
    if (unit < 0xdc00 && isLowSurrogate(low)) {
      this.at += 6;
      this.replace(this.at - 12, String.fromCharCode(unit, low));
    } else this.refuse('surrogate');
  }

  /** The UTF-16 unit that four hex digits spell, or -1. */
  private hex(from: number): number {
    let unit = 0;
    for (let at = from; at < from + 4; at += 1) {
      const code = this.text.charCodeAt(at);
      const lower = code | 0x20;
      if (isDigit(code)) unit = unit * 16 + code - zero;
      else if (lower >= 0x61 && lower <= 0x66) unit = unit * 16 + lower - 0x57;
      else return -1;
    }
    return unit;
  }

  private number(): boolean {
    const { text } = this;
    const start = this.at;
    if (text.charCodeAt(this.at) === minus) this.at += 1;
    if (text.charCodeAt(this.at) === zero) this.at += 1;
    else if (!this.digits()) return false;
    if (text.charCodeAt(this.at) === 0x2e) {
      this.at += 1;
      if (!this.digits()) return false;
    }
    const hasExponent = (text.charCodeAt(this.at) | 0x20) === 0x65;
    if (hasExponent && !this.exponent()) return false;
    const mayOverflow = hasExponent || this.at - start > 300; // the largest double has 309 digits
    if (mayOverflow && !Number.isFinite(Number(text.slice(start, this.at)))) this.refuse('number');
    return true;
  }

  private exponent(): boolean {
    const sign = this.text.charCodeAt(this.at + 1);
    this.at += sign === minus || sign === 0x2b ? 2 : 1;
    return this.digits();
  }

  private digits(): boolean {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at += 1;
    return this.at > start;
  }

  private skipSpace(): void {
    const start = this.at;
    while (isSpace(this.text.charCodeAt(this.at))) this.at += 1;
    if (this.at > start) this.replace(start, '');
  }

  /** Puts `instead` into the copy for what lies between `from` and here. */
  private replace(from: number, instead: string): void {
    this.drop(from);
    this.copy += instead;
    this.copiedTo = this.at;
  }

  private drop(to: number): void {
    if (to > this.copiedTo) this.copy += this.text.slice(this.copiedTo, to);
  }

  private mark(): void {
    this.bounds.push(this.copy.length + this.at - this.copiedTo);
  }

  private refuse(reason: JsonReason): void {
    this.problem ??= { reason, path: this.path(), at: this.at };
  }

  private path(): string {
    const steps: (string | number)[] = [];
    for (let depth = 1; depth <= this.depth; depth += 1) {
      const place = this.places[depth]!;
      if (place >= 0) steps.push(this.objects[depth] ? this.keyAt(place) : place);
    }
    return steps.join('.');
  }

  private keyAt(start: number): string {
    wholeString.lastIndex = start;
    return JSON.parse(wholeString.exec(this.text)![0]);
  }
}

const wholeString = /"(?:[^"\\]|\\.)*"/y;
const simpleEscapes = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));

const isDigit = (code: number): boolean => code >= zero! && code <= nine!;
/** A character of a string that stands for itself: no quote, no backslash, no control, no half of a pair. */
const isOrdinary = (code: number): boolean =>
  code >= space! && code !== quote && code !== backslash && (code < 0xd800 || code > 0xdfff);
const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
const isSpace = (code: number): boolean =>
  code === space || code === newline || code === carriageReturn || code === tab;
