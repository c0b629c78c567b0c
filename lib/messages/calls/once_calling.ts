/**
 * The part that makes calls which run at most once.
 *
 * @module
 */
import { OnceIdentity } from "./once_identity.ts";
import { OnceNumbers } from "./once_numbers.ts";

/** The part that identifies calls over all their attempts. */
export interface OnceCalling {
  /** Name of the plugin. */
  readonly name: "once";
  /** Returns the numbers of a client's calls. */
  numbers(): OnceNumbers;
  /** Returns the identity of a call that the caller's own key identifies. */
  identity(key: string): OnceIdentity;
}

/** Identifies calls by number or key. */
export const ONCE_CALLING: OnceCalling = {
  name: "once",
  numbers: () => new OnceNumbers(),
  identity: (key) => new OnceIdentity(key),
};
