/**
 * Work for many members, evenly distributed over a time.
 *
 * @module
 */

/** Milliseconds between two steps. */
const STEP = 10;

/**
 * Calls a function for each member, evenly over a time.
 *
 * The first member is handled at once. Members that become due between two steps
 * are handled together.
 */
export class Staggered<Member> {
  readonly #members: Iterator<Member>;
  readonly #size: number;
  readonly #time: number;
  readonly #run: (member: Member) => void;
  readonly #start: number = performance.now();
  #done = 0;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * @param members the members
   * @param time milliseconds over which they are handled
   * @param run called for each member
   */
  constructor(
    members: ReadonlySet<Member>,
    time: number,
    run: (member: Member) => void,
  ) {
    const copy = [...members];
    this.#members = copy.values();
    this.#size = copy.length;
    this.#time = time;
    this.#run = run;
    this.#step();
  }

  /** Handles no more members. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #step(): void {
    const due = dueAfter(
      performance.now() - this.#start,
      this.#time,
      this.#size,
    );
    for (; this.#done < due; this.#done++) {
      this.#run(this.#members.next().value!); // there are #size members
    }
    if (this.#done === this.#size) return;
    this.#timer = setTimeout(() => this.#step(), STEP);
  }
}

/**
 * Returns how many members are due.
 *
 * @param elapsed milliseconds since the start
 * @param time milliseconds over which all become due
 * @param size number of members
 */
export function dueAfter(elapsed: number, time: number, size: number): number {
  if (elapsed >= time) return size;
  return Math.min(size, 1 + Math.floor(elapsed * size / time));
}
