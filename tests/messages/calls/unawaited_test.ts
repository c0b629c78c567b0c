/** Promises that an application did not await, after the peer has left. */
import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import type { Interceptor } from "../../../lib/messages/calls/interceptor.ts";
import {
  clientStream,
  duplex,
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, turns, unhandledDuring } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const methods = () => ({
  ask: unary<unknown, number>(),
  tell: notification<unknown>(),
  upload: clientStream<unknown, number>(),
  talk: duplex<unknown, number>(),
});
const P = protocol({ name: "left", server: methods(), client: methods() });

const handlers = {
  ask: () => 1,
  tell() {},
  upload: async (items: AsyncIterable<unknown>) => {
    for await (const _ of items); // reads until the peer leaves
    return 1;
  },
  async *talk(items: AsyncIterable<unknown>) {
    for await (const _ of items) yield 1;
  },
};

const through: Interceptor = (request, next) => next(request);

for (const side of ["client", "server"] as const) {
  for (const interceptors of [[], [through]]) {
    const how = interceptors.length > 0 ? "with" : "without";
    Deno.test(
      `a ${side} that awaits nothing survives its peer, ${how} interceptors`,
      none,
      async () => {
        const errors = await unhandledDuring(async () => {
          const server = createServer(P, { interceptors, onError() {} })
            .handle(handlers);
          const session = await connect(P, dial(server), {
            interceptors,
            handlers,
            onError() {},
          });
          const [accepted] = [...server.sessions];
          const own = side === "client" ? session : accepted!;
          const peer = side === "client" ? accepted! : session;
          const { remote } = own;
          const upload = remote.upload();
          const talk = remote.talk();
          const use = () => {
            remote.tell(1);
            for (const call of [upload, talk]) call.send(1);
            for (const call of [remote.upload(), remote.talk()]) {
              call.send(1);
              call.end();
            }
          };
          upload.send(new Uint8Array(100_000)); // waits for credit
          talk.send(1);
          remote.tell(0);
          await turns(3);
          const closing = peer.close();
          use();
          await own.finished.catch(() => {});
          await closing;
          use();
          await turns(3);
          await server.shutdown();
        });
        assertEquals(errors, []);
      },
    );
  }
}

Deno.test(
  "early calls of a session that is refused need not be awaited",
  none,
  async () => {
    const errors = await unhandledDuring(async () => {
      const server = createServer(P, {
        authenticate: () => {
          throw new CallError("wrong token", { code: "unauthenticated" });
        },
        onError() {},
      }).handle(handlers);
      const session = await connect(P, dial(server), {
        handlers,
        early: true,
        onError() {},
      });
      const { remote } = session;
      remote.tell(1);
      const answer = remote.ask(1);
      const { result } = remote.upload();
      const items = remote.talk()[Symbol.asyncIterator]().next();
      await session.finished.catch(() => {});
      await turns(3);
      await server.shutdown();
      for (const call of [answer, result, items]) {
        await assertRejects(() => call, CallError, "wrong token");
      }
    });
    assertEquals(errors, []);
  },
);

Deno.test(
  "ready() of a client that has ended need not be awaited",
  none,
  async () => {
    const errors = await unhandledDuring(async () => {
      const client = createClient(P, "tcp://127.0.0.1:1", { handlers });
      await client.close();
      client.ready();
      await turns(3);
    });
    assertEquals(errors, []);
  },
);

Deno.test(
  "an error of the application itself is still an unhandled rejection",
  none,
  async () => {
    const errors = await unhandledDuring(async () => {
      const server = createServer(P).handle(handlers);
      const session = await connect(P, dial(server), { handlers });
      session.remote.tell(() => {}); // a function has no encoding
      await session.close();
      await server.shutdown();
    });
    assertEquals(errors.length, 1);
  },
);
