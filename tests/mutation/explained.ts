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
    why: "Hostile inputs have one more damaged byte, out of 8 at most.",
  },
];
