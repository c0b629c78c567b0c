/**
 * SASLprep (RFC 4013): maps equivalent spellings of a password to one form.
 *
 * @module
 */

/** RFC 3454, C.1.2. */
const OTHER_SPACES = /[\u00A0\u1680\u2000-\u200B\u202F\u205F\u3000]/gu;
/** RFC 3454, B.1. */
const MAPPED_TO_NOTHING =
  /[\u00AD\u034F\u1806\u180B-\u180D\u200C\u200D\u2060\uFE00-\uFE0F\uFEFF]/gu;
/** RFC 3454, C.2.1 to C.9. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06DD\u070F\u180E\u2028\u2029\u2061-\u2063\u206A-\u206F\uFFF9-\uFFFD\u{1D173}-\u{1D17A}\u2FF0-\u2FFB\u0340\u0341\u200E\u200F\u202A-\u202E\u{E0001}\u{E0020}-\u{E007F}]/u;
// deno-lint-ignore no-control-regex -- all of ASCII is intended
const ASCII = /^[\x00-\x7F]*$/;

/**
 * Prepares a password as a PostgreSQL server does.
 *
 * A password that SASLprep prohibits is used unchanged, as the server does. This
 * function does not check for code points that are unassigned in Unicode 3.2,
 * or for text of mixed direction.
 */
export function saslPrep(password: string): string {
  if (ASCII.test(password)) return password;
  const prepared = password
    .replace(OTHER_SPACES, " ")
    .replace(MAPPED_TO_NOTHING, "")
    .normalize("NFKC");
  return prepared === "" || PROHIBITED.test(prepared) ? password : prepared;
}
