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
  const server = createServer(Lab, {
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

/** Starts the call when the first item is requested. */
export const lazily: Interceptor = (request, next) =>
  (async function* () {
    for await (const item of next(request) as AsyncIterable<unknown>) {
      yield item;
    }
  })();
