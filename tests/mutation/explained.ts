/**
 * Mutants that no test can notice, with the reason.
 *
 * @module
 */

/** A mutant, by its file and its change as the runner prints it. */
export interface Explained {
  readonly path: string;
  /** The operator, the old code and the new code. */
  readonly change: string;
  /** Text of the line, if the file has the same change in other places. */
  readonly line?: string;
  /** Why no test can notice it. */
  readonly why: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    path: "lib/messages/codec/msgpack.ts",
    change: "clean-up: { decoding = inside; } → {}",
    why:
      "Later small bodies are decoded without the copy that makes it faster.",
  },
  {
    path: "lib/testing/decoder_checks.ts",
    change: "comparison: 0 → (0) - 1",
    line: "for (let i = random(8); i >= 0; i--) {",
    why: "Hostile inputs have one more damaged byte, out of 8 at most.",
  },
  {
    path: "lib/framing/layouts/content_length.ts",
    change: "comparison: 0 → (0) + 1",
    line: "this.#searched = found < 0 ? this.#search.resume - start : 0;",
    why:
      "Headers that are found at 0 are empty, which is an error in any case.",
  },
  {
    path: "lib/messages/session/calls/incoming_calls.ts",
    change: "comparison: this.lastAllowed → (this.lastAllowed) + 1",
    why: "The next id after the last one of a side has the parity of the peer.",
  },
  {
    path: "lib/messages/session/time/timer_wheel.ts",
    change: "comparison: now → (now) + 1",
    line: "if (entry.slot !== slot || entry.dueAt > now) continue;",
    why: "An entry that was moved within its slot is due a whole turn later.",
  },
  ...["state ^= state << 13;", "state ^= state >>> 17;", "state ^= state << 5;"]
    .map((code) => ({
      path: "lib/testing/codec_checks.ts",
      change: `statement: ${code} → ;`,
      why: "Hostile bodies are made from another sequence of numbers.",
    })),
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 0 → (0) + 1",
    line: "if (this.#have > 0) this.#discardOwn();",
    why: "The only byte is dropped by the next search for a delimiter.",
  },
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 0 → (0) - 1",
    line: "if (this.#have > 0) this.#discardOwn();",
    why: "No byte is kept then, so nothing is discarded.",
  },
];
