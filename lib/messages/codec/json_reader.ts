/**
 * Parses JSON without interning strings.
 *
 * It parses bodies on which `JSON.parse` would spend much more time than on others
 * of their size.
 *
 * @module
 */
import { isIndex, makeSparse } from "./index_keys.ts";

/** Maximum length of strings that `JSON.parse` interns. */
const LONGEST_INTERNED = 10;
const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** Reader of texts that the scanner has accepted. */
export class JsonReader {
  #text = "";
  #at = 0;

  /**
   * Parses a text.
   *
   * @throws {SyntaxError} if the text is not well-formed JSON
   */
  read(text: string): unknown {
    this.#text = text;
    this.#at = 0;
    try {
      const value = this.#value();
      if (!Number.isNaN(this.#next())) throw new SyntaxError();
      return value;
    } finally {
      this.#text = "";
    }
  }

  /** Skips white space and returns the next character; `NaN` at the end. */
  #next(): number {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) {
        return code;
      }
      this.#at++;
    }
  }

  #value(): unknown {
    switch (this.#next()) {
      case QUOTE:
        return this.#string();
      case 0x7b:
        return this.#object();
      case 0x5b:
        return this.#array();
      case 0x74:
        return this.#literal("true", true);
      case 0x66:
        return this.#literal("false", false);
      case 0x6e:
        return this.#literal("null", null);
      default:
        return this.#number();
    }
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    if (this.#next() === 0x5d) return this.#end(array);
    for (;;) {
      array.push(this.#value());
      const code = this.#next();
      // A copy has no room for more items.
      if (code === 0x5d) return this.#end(array.slice());
      this.#expect(code, COMMA);
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    let isSparse = false;
    this.#at++;
    if (this.#next() === 0x7d) return this.#end(object);
    for (;;) {
      if (this.#next() !== QUOTE) throw new SyntaxError();
      const key = this.#string();
      if (!isSparse && isIndex(key)) {
        makeSparse(object);
        isSparse = true;
      }
      this.#expect(this.#next(), COLON);
      object[key] = this.#value();
      const code = this.#next();
      if (code === 0x7d) return this.#end(object);
      this.#expect(code, COMMA);
    }
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at++;
    let isPlain = true;
    for (;;) {
      const code = text.charCodeAt(this.#at++);
      if (code === QUOTE) break;
      if (code === BACKSLASH) {
        isPlain = false;
        this.#at++;
      } else if (!(code >= 0x20)) throw new SyntaxError(); // also at the end
    }
    const end = this.#at;
    if (isPlain && end - start - 2 <= LONGEST_INTERNED) {
      return text.slice(start + 1, end - 1);
    }
    // A slice of a long string would keep the whole text in memory.
    return JSON.parse(text.slice(start, end));
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) throw new SyntaxError();
    const start = this.#at;
    this.#at = NUMBER.lastIndex;
    return Number(this.#text.slice(start, this.#at));
  }

  #literal<T>(name: string, value: T): T {
    if (!this.#text.startsWith(name, this.#at)) throw new SyntaxError();
    this.#at += name.length;
    return value;
  }

  #end<T>(value: T): T {
    this.#at++;
    return value;
  }

  #expect(code: number, expected: number): void {
    if (code !== expected) throw new SyntaxError();
    this.#at++;
  }
}
