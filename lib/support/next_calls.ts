/**
 * Calls of `next()` that a program need not await.
 *
 * @module
 */
import { handled } from "./handled.ts";

/**
 * The pending calls of `next()` of an async generator. If the generator throws, the
 * oldest one rejects and the others resolve, as the generator has then ended.
 */
export class NextCalls {
  #pending = 0;
  #oldest: Promise<unknown> | undefined = undefined;

  /** Counts the calls of `next()` of a generator, and returns the generator. */
  of<T>(
    generator: AsyncGenerator<T, void, void>,
  ): AsyncGenerator<T, void, void> {
    const next = generator.next.bind(generator);
    generator.next = () => {
      const others = this.#pending++;
      const call = next();
      if (others === 0) this.#oldest = call;
      // It may become the oldest one, which this class does not notice.
      else handled(call);
      return call;
    };
    return generator;
  }

  /** Call this before the generator yields. */
  yields(): void {
    this.#pending--;
  }

  /**
   * Marks the call that rejects as handled. Call this before the generator throws,
   * in a later microtask than that of the call.
   */
  throws(): void {
    // Not earlier: V8 does not follow a promise with two reactions, so the stack
    // of the error would not show the code that awaits it.
    if (this.#oldest !== undefined) handled(this.#oldest);
  }
}
