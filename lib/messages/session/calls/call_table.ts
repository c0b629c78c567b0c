/**
 * Calls in flight, by id. A call's index in a ring buffer is computed from its
 * id. Ids increase, so the index is usually free; if an older call still
 * occupies it, the new call is kept in a map.
 *
 * A map alone would be correct, but it would cost the garbage collector more:
 * whenever a map rehashes, the old table continues to refer to finished calls
 * and everything that they hold. With many calls in flight, a third of all
 * young objects survived their first collection because of that.
 *
 * @module
 */

/** An object with an id. */
interface Numbered {
  readonly id: number;
}

/** Length of the ring; most connections have fewer calls in flight. */
const RING_LENGTH = 256;

/** The calls in flight in one direction. */
export class CallTable<Call extends Numbered> {
  #ring: (Call | undefined)[] | undefined = undefined;
  #others: Map<number, Call> | undefined = undefined;
  #size = 0;

  /** Number of calls. */
  get size(): number {
    return this.#size;
  }

  /** Returns the call with this id. */
  get(id: number): Call | undefined {
    const call = this.#ring?.[ringIndex(id)];
    if (call?.id === id) return call;
    return this.#others?.get(id);
  }

  /** Adds a call; the table must not contain it yet. */
  add(call: Call): void {
    const index = ringIndex(call.id);
    this.#size++;
    const ring = this.#ring ??= [];
    if (ring[index] === undefined) ring[index] = call;
    else (this.#others ??= new Map()).set(call.id, call);
  }

  /** Removes a call; does nothing if the table does not contain it. */
  delete(id: number): void {
    const index = ringIndex(id);
    const ring = this.#ring;
    if (ring?.[index]?.id === id) ring[index] = undefined;
    else if (!this.#others?.delete(id)) return;
    this.#size--;
  }

  /** A snapshot of all calls, in the order of their ids. */
  get all(): Call[] {
    const calls = this.#ring?.filter((call) => call !== undefined) ?? [];
    const others = this.#others?.values() ?? [];
    return [...calls, ...others].sort((a, b) => a.id - b.id);
  }
}

/**
 * Returns an id's index in the ring. Halves the id first, because all ids of
 * one side have the same parity.
 */
function ringIndex(id: number): number {
  return Math.floor(id / 2) % RING_LENGTH;
}
