/**
 * The numbers of a client's calls that run at most once.
 *
 * With each call, the client says up to which number it needs no outcomes any
 * more. A call that runs for long would keep the outcomes of all later ones in
 * the server's store, so the client then goes on under another id.
 *
 * @module
 */
import { OnceIdentity } from "./once_identity.ts";
import { CLIENT_ID } from "../session/wire/once_field.ts";
import { toHex } from "../support/hex.ts";

/** Numbers that may follow the first call in progress; below a store's bound. */
const WINDOW = 256;

/** The numbers under one id. */
class Sequence {
  readonly client: string = newClientId();
  /** Number up to which all calls are over. */
  seen = 0;
  #last = 0;
  readonly #over: Set<number> = new Set();

  /** Whether another call may be numbered. */
  get hasRoom(): boolean {
    return this.#last - this.seen < WINDOW;
  }

  take(): number {
    return ++this.#last;
  }

  /** Called when a call is over. */
  over(number: number): void {
    this.#over.add(number);
    while (this.#over.delete(this.seen + 1)) this.seen++;
  }
}

/** A call with its identity. */
export interface NumberedCall {
  /** Identity for its attempts. */
  readonly identity: OnceIdentity;
  /** Called when the call is over: the client makes no attempt any more. */
  over(): void;
}

/** The calls of a client that run at most once. */
export class OnceNumbers {
  readonly #sequences: Sequence[] = [];

  /**
   * Returns the identity of a new call.
   *
   * @param key the caller's own key, which needs no number, or `""`
   */
  next(key: string): NumberedCall {
    if (key !== "") return { identity: new OnceIdentity(key), over() {} };
    const sequence = this.#sequences.find(({ hasRoom }) => hasRoom) ??
      this.#newSequence();
    const number = sequence.take();
    const { client } = sequence;
    const identity = new OnceIdentity("", {
      client,
      number,
      get seen() {
        return sequence.seen;
      },
    });
    return { identity, over: () => sequence.over(number) };
  }

  #newSequence(): Sequence {
    const sequence = new Sequence();
    this.#sequences.push(sequence);
    return sequence;
  }
}

function newClientId(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(CLIENT_ID)));
}
