/**
 * Calls in flight by id. Ids rise, so that a call's place in a ring follows
 * from its id; one that is still in flight when its place comes round again
 * keeps it, and the newcomer goes into a map.
 *
 * A map alone would do, but for what it costs the collector: each time that it
 * makes room it leaves a table behind that still refers to the calls of then,
 * and those to what they hold. With many calls in flight a third of all young
 * objects outlived their first collection because of that.
 *
 * @module
 */

/** What has an id. */
interface Numbered {
  readonly id: number;
}

/** Places in the ring: more than most connections have calls in flight. */
const PLACES = 256;

/** Calls in flight. */
export class CallTable<Call extends Numbered> {
  #ring: (Call | undefined)[] = [];
  readonly #others: Map<number, Call> = new Map();
  #size = 0;

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The call with that id. */
  get(id: number): Call | undefined {
    const call = this.#ring[placeOf(id)];
    if (call?.id === id) return call;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** Adds a call that is not in it. */
  add(call: Call): void {
    const place = placeOf(call.id);
    this.#size++;
    if (this.#ring[place] === undefined) this.#ring[place] = call;
    else this.#others.set(call.id, call);
  }

  /** Removes a call; harmless for one that is not in it. */
  delete(id: number): void {
    const place = placeOf(id);
    if (this.#ring[place]?.id === id) this.#ring[place] = undefined;
    else if (!this.#others.delete(id)) return;
    this.#size--;
  }

  /** All of them, as they are now. */
  get all(): Call[] {
    const calls = this.#ring.filter((call) => call !== undefined);
    return [...calls, ...this.#others.values()].sort((a, b) => a.id - b.id);
  }
}

/** Ids of a side have one parity. */
function placeOf(id: number): number {
  return Math.floor(id / 2) % PLACES;
}
