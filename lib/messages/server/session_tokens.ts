/**
 * The tokens with which clients resume sessions. A server stores only their
 * hashes.
 *
 * A client may not have received the last token that the server sent, so the one
 * that it used stays valid until a frame arrives on the new link.
 *
 * ```text
 *  current ──use──▶ used ──confirm──▶ spent
 *     └── use or end of another ────────▲
 * ```
 *
 * @module
 */
import { toHex } from "../support/hex.ts";
import { sha256 } from "../support/sha256.ts";

/** Length of a secret in bytes. */
const LENGTH = 32;

/** Returns a new secret and its hash. */
export function newSecret(): { secret: Uint8Array; hash: string } {
  const secret = crypto.getRandomValues(new Uint8Array(LENGTH));
  return { secret, hash: hashOf(secret) };
}

/** Returns the hash of a secret. */
export function hashOf(secret: Uint8Array): string {
  return toHex(sha256(secret));
}

/** The state of a token. */
export type TokenState = "current" | "used" | "spent";

/** An event that may change the state. */
export type TokenEvent =
  /** The client resumed the session with this token. */
  | "use"
  /** The client resumed the session with another token. */
  | "supersede"
  /** A frame has arrived on the link that this token opened. */
  | "confirm";

/** Transitions; a state allows only the events that it lists. */
export const TOKEN: Readonly<
  Record<TokenState, Readonly<Partial<Record<TokenEvent, TokenState>>>>
> = {
  current: { use: "used", supersede: "spent" },
  used: { use: "used", supersede: "spent", confirm: "spent" },
  spent: {},
};

/** The tokens of one session, as their hashes. */
export class SessionTokens {
  readonly #states: Map<string, TokenState> = new Map();

  /** @param first hash of the first token */
  constructor(first: string) {
    this.#states.set(first, "current");
  }

  /** Hashes of the tokens that are not spent. */
  get hashes(): IterableIterator<string> {
    return this.#states.keys();
  }

  /** Returns whether the session can be resumed with a token. */
  accepts(hash: string): boolean {
    return this.#states.has(hash);
  }

  /** Spends the token that was used last, if there is one. */
  confirm(): void {
    for (const hash of this.hashes) this.#on(hash, "confirm");
  }

  /**
   * Replaces the token with which the client has resumed the session.
   *
   * @param used hash of the client's token
   * @param next hash of the next token
   */
  rotate(used: string, next: string): void {
    for (const hash of this.hashes) {
      this.#on(hash, hash === used ? "use" : "supersede");
    }
    this.#states.set(next, "current");
  }

  #on(hash: string, event: TokenEvent): void {
    const state = this.#states.get(hash);
    const next = state && TOKEN[state][event];
    if (next === "spent") this.#states.delete(hash);
    else if (next !== undefined) this.#states.set(hash, next);
  }
}
