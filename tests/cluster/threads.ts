/**
 * Servers in workers, which are joined by `broadcastChannelBus()`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "@lengthwise/lengthwise";
import { Chat } from "./chat.ts";

const THREADS = 3;
const MESSAGES = 500;

/** A worker that serves on a port. */
class Thread {
  readonly worker: Worker;
  readonly #messages: unknown[] = [];
  #wake = () => {};

  constructor(channel: string) {
    const url = new URL("./worker.ts", import.meta.url);
    this.worker = new Worker(url, { type: "module", name: channel });
    this.worker.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#wake();
    };
    this.worker.onerror = ({ message }) => {
      throw new Error(`A worker has failed: ${message}`);
    };
  }

  /** Returns the next message of the worker. */
  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#messages.shift();
  }
}

Deno.test("clients of three threads get each message once, in the order of each thread", async () => {
  const channel = crypto.randomUUID();
  const threads = Array.from({ length: THREADS }, () => new Thread(channel));
  const ports = await Promise.all(threads.map((thread) => thread.next()));
  let left = THREADS * THREADS * MESSAGES;
  const done = Promise.withResolvers<void>();
  const clients = await Promise.all(ports.map(async (port) => {
    const heard: string[] = [];
    const session = await connect(Chat, `tcp://127.0.0.1:${port}`, {
      handlers: {
        said(text) {
          heard.push(text);
          if (--left === 0) done.resolve();
        },
      },
    });
    await session.remote.join("ü room");
    return { heard, session };
  }));
  threads.forEach(({ worker }, n) => worker.postMessage([n, MESSAGES]));
  await done.promise;
  for (const { heard, session } of clients) {
    for (let n = 0; n < THREADS; n++) {
      assertEquals(
        heard.filter((text) => text.startsWith(`${n} `)),
        Array.from({ length: MESSAGES }, (_, at) => `${n} ${at}`),
      );
    }
    await session.close();
  }
  for (const thread of threads) thread.worker.postMessage("stop");
  for (const thread of threads) {
    // The worker has no open channel left; it would not end otherwise.
    assertEquals(await thread.next(), { missing: 0, repeated: 0 });
    thread.worker.terminate();
  }
});
