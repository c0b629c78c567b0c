/**
 * Protocol and server for tests of interceptors, and common interceptors.
 *
 * @module
 */
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { turns } from "../kit.ts";

/** Protocol with a method of every shape. */
export const Lab = protocol({
  name: "lab",
  server: {
    echo: unary<string, string>(),
    flaky: unary<void, number>(),
    log: notification<string>(),
    count: serverStream<number, string>(),
    sum: clientStream<number, string>(),
    talk: duplex<string, string>(),
  },
});

/** Creates a server for {@linkcode Lab}, and a list of the streams that have ended. */
export function lab() {
  const ended: string[] = [];
  let tries = 0;
  const server = createServer(Lab).handle({
    echo: (text, { metadata }) => text + (metadata["tag"] ?? ""),
    flaky: (_, context) => {
      if (++tries < 3) {
        throw context.refuse("again", { code: "overloaded", retry: "now" });
      }
      return tries;
    },
    log() {},
    async *count(upTo, { metadata }) {
      try {
        for (let i = 0; i < upTo; i++) yield i + (metadata["tag"] ?? "");
      } finally {
        ended.push("count");
      }
    },
    async sum(items, { metadata }) {
      let sum = 0;
      for await (const item of items) sum += item;
      return sum + (metadata["tag"] ?? "");
    },
    async *talk(lines, { metadata }) {
      for await (const line of lines) yield line + (metadata["tag"] ?? "");
    },
  });
  return { server, ended };
}

/** Waits, then makes the call unchanged. */
export const waiting: Interceptor = async (request, next) => {
  await turns();
  return await next(request);
};

/** Sends metadata with every call. */
export const tagged: Interceptor = (request, next) =>
  next({ ...request, options: { ...request.options, metadata: { tag: "#" } } });

/** Wraps received items in a generator that counts how often it runs and ends. */
export function wrapping(): {
  readonly interceptor: Interceptor;
  readonly generators: { started: number; ended: number };
} {
  const generators = { started: 0, ended: 0 };
  async function* wrap(items: AsyncIterable<unknown>) {
    generators.started++;
    try {
      for await (const item of items) yield `<${item}>`;
    } finally {
      generators.ended++;
    }
  }
  const interceptor: Interceptor = async (request, next) => {
    const response = await next(request);
    return "items" in response
      ? { ...response, items: wrap(response.items) }
      : response;
  };
  return { interceptor, generators };
}

/** Creates a server whose streams never end, and the set of its running handlers. */
export function endless() {
  const running = new Set<symbol>();
  async function* run<Item>(items: AsyncIterable<Item>) {
    const handler = Symbol();
    running.add(handler);
    try {
      for await (const item of items) yield item;
    } finally {
      running.delete(handler);
    }
  }
  async function* numbers() {
    for (let n = 0;; n++) yield `${n}`;
  }
  const server = createServer(Lab).handle({
    echo: (text) => text,
    flaky: () => 1,
    log() {},
    count: () => run(numbers()),
    async sum(items) {
      for await (const _ of run(items));
      return "";
    },
    talk: (lines) => run(lines),
  });
  return { server, running };
}
