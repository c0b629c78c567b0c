/**
 * The identity of a once call, over all its attempts.
 *
 * @module
 */
import type { MessageCodec } from "../codec/message_codec.ts";
import { CallError } from "../errors/call_error.ts";
import { onceFields } from "../session/wire/fields.ts";
import { NO_CLIENT, type Outcomes } from "../session/wire/once_field.ts";
import { toHex } from "../support/hex.ts";
import { sha256 } from "../support/sha256.ts";

/** The number of a call among those of its client. */
export interface OnceNumber {
  /** Id of the client, in hexadecimal. */
  readonly client: string;
  /** The number, from 1. */
  readonly number: number;
  /** Number up to which the client needs no outcomes any more. */
  readonly seen: number;
}

/** The number of calls that the caller's own key identifies. */
const NO_NUMBER: OnceNumber = { client: NO_CLIENT, number: 0, seen: 0 };

/** Identity of a call. */
export class OnceIdentity {
  readonly #number: OnceNumber;
  readonly #key: string;
  #digest: string | undefined = undefined;
  /** Store of the first attempt that may have run, and its time. */
  #first: Outcomes | undefined = undefined;

  /**
   * @param key the caller's own key, or `""`
   * @param number number of the call; ignored if there is a key
   */
  constructor(key: string, number: OnceNumber = NO_NUMBER) {
    this.#key = key;
    this.#number = key === "" ? number : NO_NUMBER;
  }

  /**
   * Returns the fields for an attempt.
   *
   * @param input the input of the call
   * @param outcomes where the server stores outcomes, if it says so
   * @throws {CodecError} if the codec cannot encode the input
   * @throws {CallError} `outcome-lost` if an attempt may have run on a server with
   * another store
   */
  fields(
    method: string,
    input: unknown,
    codec: MessageCodec,
    outcomes: Outcomes = UNKNOWN,
  ): Uint8Array {
    this.#digest ??= toHex(sha256(codec.encode(input)));
    const repeated = this.#first !== undefined;
    const { store, time } = this.#first ??= outcomes;
    if (repeated && (store === "" || store !== outcomes.store)) {
      throw new CallError(
        `${method}: the call may have run on a server whose outcomes this server does not have`,
        { code: "outcome-lost", method, processed: "maybe" },
      );
    }
    const { client, number, seen } = this.#number;
    const once = { client, number, seen, created: time, digest: this.#digest };
    return onceFields(once, this.#key);
  }

  /** Forgets the attempts, none of which has run. */
  notRun(): void {
    this.#first = undefined;
  }
}

/** A server that does not say where it stores outcomes. */
const UNKNOWN: Outcomes = { store: "", time: 0 };
