#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Live quotes: a server stream that keeps up with the market. The reader's
 * credit determines when the next quote is sent. Changes in between are
 * conflated, so the reader receives the latest price of each share, not the
 * oldest.
 *
 * @module
 */
import { connect, protocol, serve, serverStream } from "@lengthwise/lengthwise";

interface Quote {
  share: string;
  cents: number;
  tick: number;
}

const Market = protocol({
  name: "market",
  server: { quotes: serverStream<void, Quote>() },
});

const SHARES = ["ACME", "INIT", "UMBR"];
const TICKS = 3_000;

/** Unsent changes: at most one quote per share, namely the latest. */
class Changes {
  readonly #latest = new Map<string, Quote>();
  #wake: (() => void) | undefined;
  #over = false;

  /** Whether the reader has left or no more quotes will follow. */
  get over(): boolean {
    return this.#over;
  }

  put(quote: Quote): void {
    this.#latest.set(quote.share, quote);
    this.#wake?.();
  }

  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Quote> {
    while (true) {
      for (const [share, quote] of this.#latest) {
        this.#latest.delete(share);
        yield quote; // resumes when the reader's credit allows another quote
      }
      if (this.#over) return;
      if (this.#latest.size === 0) {
        await new Promise<void>((wake) => this.#wake = wake);
      }
    }
  }
}

/** Moves the market at its own pace until the reader leaves. */
async function move(changes: Changes): Promise<void> {
  for (let tick = 1; tick <= TICKS && !changes.over; tick++) {
    const share = SHARES[tick % SHARES.length] ?? "ACME";
    changes.put({ share, cents: 1000 + tick, tick });
    if (tick % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  changes.end();
}

await using server = await serve(Market, { port: 0 }).handle({
  async *quotes() {
    const changes = new Changes();
    const moving = move(changes);
    try {
      yield* changes;
    } finally {
      changes.end(); // even if the reader leaves first
      await moving;
    }
  },
});
await using session = await connect(Market, server.addr);

let received = 0;
const last = new Map<string, Quote>();
for await (const quote of session.remote.quotes()) {
  received++;
  last.set(quote.share, quote);
}
for await (const { share } of session.remote.quotes()) {
  console.log(`a second reader sees ${share}, and leaves`);
  break;
}
console.log(
  `of ${TICKS} ticks ${received < TICKS ? "fewer" : "all"} were sent`,
);
for (const share of SHARES) {
  console.log(
    `${share}: ${last.get(share)?.cents} cents, tick ${last.get(share)?.tick}`,
  );
}
