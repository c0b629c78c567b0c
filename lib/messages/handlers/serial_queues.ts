/**
 * The messages of serial methods that wait until earlier ones are handled.
 *
 * @module
 */

/** A message of a serial method whose handler has not settled. */
export interface SerialTurn {
  /** Messages that share a key are handled one after the other. */
  readonly key: string;
  /** Enters the handler. */
  readonly run: () => void;
}

/** The serial methods of one session. */
export class SerialQueues {
  /** Turns by key: the first one runs, and the others wait. */
  readonly #turns: Map<string, SerialTurn[]> = new Map();

  /** Runs the turn now, or after those with the same key. */
  enter(turn: SerialTurn): void {
    const turns = this.#turns.get(turn.key);
    if (turns !== undefined) {
      turns.push(turn);
      return;
    }
    this.#turns.set(turn.key, [turn]);
    turn.run();
  }

  /** Returns whether a turn has not come yet. */
  waits(turn: SerialTurn): boolean {
    return (this.#turns.get(turn.key) ?? []).indexOf(turn) > 0;
  }

  /** Ends a turn: its handler has settled, or is not entered any more. */
  leave(turn: SerialTurn): void {
    const turns = this.#turns.get(turn.key) ?? [];
    const index = turns.indexOf(turn);
    if (index < 0) return;
    turns.splice(index, 1);
    const [next] = turns;
    if (next === undefined) this.#turns.delete(turn.key);
    else if (index === 0) next.run();
  }
}
