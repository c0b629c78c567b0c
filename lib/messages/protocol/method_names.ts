/**
 * Rules for the names of protocols, methods and declared errors.
 *
 * Names are sent to the peer. Each part of a dotted name is ASCII without dots
 * or control characters, so that names sort alike in every language and are
 * safe to log.
 *
 * @module
 */

/** Maximum length of a name in bytes, groups and dots included. */
export const MAX_NAME_LENGTH = 128;

const NAME = /^[A-Za-z0-9_$-]+$/;

/**
 * Names with a special meaning in JavaScript.
 *
 * `await` treats an object with a `then` method as a promise, and assigning
 * `__proto__` replaces a prototype.
 */
const RESERVED: ReadonlySet<string> = new Set(["then", "__proto__"]);

/**
 * Checks one part of a dotted name.
 *
 * @param name the part to check
 * @param whole the dotted name that the part belongs to
 * @param what the kind of thing that is named, for the error message
 * @throws {TypeError} if the part is invalid, or the dotted name is too long
 */
export function checkName(name: string, whole: string, what: string): void {
  if (RESERVED.has(name)) {
    throw new TypeError(
      `Cannot name ${what} "${name}": the name has a special meaning in JavaScript; choose another`,
    );
  }
  if (!NAME.test(name)) {
    throw new TypeError(
      `Cannot name ${what} ${
        JSON.stringify(name)
      }: a name consists of ASCII letters, digits, "_", "$" and "-" (use groups instead of dots)`,
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
