/**
 * The library's server for peers in other languages.
 *
 * @module
 */
import { serve, type Server, type SessionLimits } from "@lengthwise/lengthwise";
import { Interop } from "./protocol.ts";

/** Serves the protocol on a free port of the loopback interface. */
export async function ourServer(
  limits: Partial<SessionLimits>,
): Promise<Server<typeof Interop>> {
  let seen: string[] = [];
  let sent = 0;
  return await serve(
    Interop,
    { port: 0 },
    { limits, onListen() {}, onError() {}, authenticate },
  ).handle({
    echo: (value) => value,
    async add(n, { remote }) {
      let sum = 0;
      for await (const number of remote.numbers(n)) sum += number;
      return sum;
    },
    async ask(question, { remote }) {
      for (let number = 0; number < 3; number++) await remote.alert(number);
      return await remote.answer(question);
    },
    async *chat(lines, { opening }) {
      yield `welcome to ${opening}`;
      for await (const line of lines) yield line.toUpperCase();
    },
    async *count({ n, size }) {
      let whole = false;
      try {
        for (let number = 0; number < n; number++) {
          sent = number;
          yield new Uint8Array(size);
        }
        sent = n;
        whole = true;
      } finally {
        if (!whole) seen.push("count was cancelled");
      }
    },
    drain(_, { session }) {
      session.drain();
      return "draining";
    },
    fail(how, context) {
      if (how === "declared") throw context.error("outOfStock", { left: 2 });
      if (how === "later") {
        const retry = { retry: "later", retryAfter: 2000 } as const;
        throw context.refuse("busy", { code: "overloaded", ...retry });
      }
      throw new Error("the password is hunter2");
    },
    log(line, { metadata }) {
      seen.push(line + (metadata["suffix"] ?? ""));
    },
    look() {
      const lines = seen;
      seen = [];
      return lines;
    },
    meta(_, context) {
      context.respondWith({ answered: "yes" });
      const left = context.timeLeft === Infinity ? -1 : context.timeLeft;
      return { metadata: { ...context.metadata }, left };
    },
    progress: () => sent,
    slow: (ms, { signal }) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => resolve("slept"), ms);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          seen.push("slow was cancelled");
          reject(signal.reason);
        });
      }),
    async total(numbers) {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    },
    async upload(parts, { opening: { pause } }) {
      let size = 0;
      for await (const part of parts) {
        size += part.length;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
      return size;
    },
  });
}

function authenticate(credentials: unknown): undefined {
  if (
    typeof credentials === "object" && credentials !== null &&
    "token" in credentials && credentials.token === "wrong"
  ) throw new Error("unknown token");
}
