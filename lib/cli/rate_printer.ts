/**
 * Prints how many values arrive each second.
 *
 * @module
 */
import type { Io } from "./io.ts";
import type { Printer, StreamPrinter } from "./output.ts";
import { formatCount } from "./quantities.ts";

/** Time between two lines, in ms. */
const INTERVAL = 1000;

/** Counts the items of a stream, and prints their rate each second. */
export class RatePrinter implements StreamPrinter {
  readonly #printer: Printer;
  readonly #stream: StreamPrinter;
  readonly #io: Io;
  #total = 0;
  #recent = 0;
  #since: number;

  constructor(printer: Printer, io: Io) {
    this.#printer = printer;
    this.#stream = printer.stream();
    this.#io = io;
    this.#since = io.now();
  }

  async item(_value: unknown): Promise<void> {
    this.#total++;
    this.#recent++;
    if (this.#io.now() - this.#since >= INTERVAL) await this.#line();
  }

  async #line(): Promise<void> {
    const now = this.#io.now();
    const seconds = Math.max((now - this.#since) / 1000, 1e-3);
    const perSecond = Math.round(this.#recent / seconds);
    this.#recent = 0;
    this.#since = now;
    if (this.#printer.format === "pretty") {
      await this.#printer.print(
        `${formatCount(this.#total)} messages, ${formatCount(perSecond)}/s\n`,
      );
    } else {
      await this.#stream.item({ messages: this.#total, perSecond });
    }
  }

  async end(): Promise<void> {
    await this.#line();
    await this.#stream.end();
  }
}
