/**
 * Names that travel: of protocols, methods and declared errors. ASCII without
 * dots or control characters, so that they sort alike in every language and
 * can be logged as they are.
 *
 * @module
 */

/** Bytes of a name in a handshake, groups and dots included. */
export const MAX_NAME_LENGTH = 128;

const NAME = /^[A-Za-z0-9_$-]+$/;

/**
 * Names that mean something to JavaScript: an object with a `then` is taken for
 * a promise, `__proto__` replaces a prototype.
 */
const REFUSED: ReadonlySet<string> = new Set(["then", "__proto__"]);

/**
 * Checks one part of a dotted name.
 *
 * @param name the part
 * @param whole the dotted name it belongs to
 * @param what what is named, for the message
 * @throws {TypeError} if nothing may have this name
 */
export function checkName(name: string, whole: string, what: string): void {
  if (REFUSED.has(name)) {
    throw new TypeError(
      `Cannot name ${what} "${name}": JavaScript gives it a meaning of its own`,
    );
  }
  if (!NAME.test(name)) {
    throw new TypeError(
      `Cannot name ${what} ${
        JSON.stringify(name)
      }: a name has letters of ASCII, digits, "_", "$" and "-" only (use groups instead of dots)`,
    );
  }
  if (whole.length > MAX_NAME_LENGTH) {
    throw new TypeError(
      `Cannot name ${what} "${
        whole.slice(0, 40)
      }…": it has ${whole.length} bytes, the limit is ${MAX_NAME_LENGTH}`,
    );
  }
}
