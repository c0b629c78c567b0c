/**
 * Promises of calls in progress that are not awaited, when the peer vanishes.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  clientStream,
  connect,
  createServer,
  duplex,
  messages,
  notification,
  protocol,
  serverStream,
} from "@lengthwise/lengthwise";
import { frames, lines } from "@lengthwise/lengthwise/framing";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import type { StandardSchema } from "@lengthwise/lengthwise/types";
import { turns, unhandledDuring } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const methods = () => ({
  down: serverStream<void, number>(),
  up: clientStream<Uint8Array, number>(),
  both: duplex<Uint8Array, number>(),
  log: notification<Uint8Array>(),
});
const P = protocol({ name: "p", server: methods(), client: methods() });

const forever = () => new Promise<never>(() => {});
const handlers = {
  async *down() {
    yield 1;
    await forever();
  },
  up: forever,
  async *both() {
    yield 1;
    await forever();
  },
  log: forever,
};

const big = new Uint8Array(300_000);

for (const side of ["client", "server"] as const) {
  Deno.test(
    `a ${side} whose peer vanishes leaves no rejection unhandled`,
    none,
    async () => {
      const [near, far] = memoryPair();
      let use: (() => void) | undefined;
      const errors = await unhandledDuring(async () => {
        const server = createServer(P, { onError() {} }).handle(handlers);
        const served = server.accept(far);
        const session = await connect(P, near, { handlers, onError() {} });
        const own = side === "client" ? session : [...server.sessions][0]!;
        use = () => {
          const { remote } = own;
          const up = remote.up();
          up.send(big); // waits for credit
          up.send(big);
          up.end();
          const both = remote.both();
          both.send(big);
          both.end();
          const replies = both[Symbol.asyncIterator]();
          replies.next();
          replies.next(); // before the first is there
          const items = remote.down()[Symbol.asyncIterator]();
          items.next();
          items.next();
          remote.up([big, big]);
          for (let i = 0; i < 20; i++) remote.log(big);
          if ("refresh" in own) own.refresh("again");
          own.drain({ grace: 60_000 });
        };
        use();
        await turns(5);
        near[Symbol.dispose]();
        near.close(); // at once
        far.close();
        far.close();
        await Promise.all([session.finished, served]);
        await server.abort();
      });
      assertEquals(errors, []);
    },
  );
}

/** Sources of uploads that end badly after the session has ended. */
const SOURCES: Readonly<
  Record<string, (gone: Promise<void>) => AsyncIterable<Uint8Array>>
> = {
  async *"throws"(gone) {
    yield big;
    await gone;
    throw new Error("late");
  },
  async *"hangs"() {
    yield big;
    await forever();
  },
  "rejects in return()": (gone) => ({
    [Symbol.asyncIterator]: () => ({
      next: () => gone.then(() => ({ value: big })),
      return: () => Promise.reject(new Error("late")),
    }),
  }),
  "throws in return()": () => ({
    [Symbol.asyncIterator]: () => ({
      next: forever,
      return() {
        throw new Error("late");
      },
    }),
  }),
};

for (const [name, source] of Object.entries(SOURCES)) {
  Deno.test(
    `an upload whose source ${name} after the session leaves no rejection unhandled`,
    none,
    async () => {
      const errors = await unhandledDuring(async () => {
        const [near, far] = memoryPair();
        const server = createServer(P, { onError() {} }).handle(handlers);
        server.accept(far);
        const session = await connect(P, near, { handlers, onError() {} });
        const gone = Promise.withResolvers<void>();
        session.remote.up(source(gone.promise)).result.catch(() => {});
        session.remote.both(source(gone.promise));
        [...server.sessions][0]!.remote.up(source(gone.promise)).result
          .catch(() => {});
        await turns(3);
        for (const end of [near, far]) {
          end.close();
          end.close();
        }
        await session.finished;
        gone.resolve();
        await turns(5);
        await server.abort();
      });
      assertEquals(errors, []);
    },
  );
}

/** A schema that validates asynchronously. */
const outgoingSchema: StandardSchema<unknown, unknown> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (value) => await { value },
  },
};

Deno.test(
  "messages() leaves no rejection unhandled when the peer vanishes",
  none,
  async () => {
    const errors = await unhandledDuring(async () => {
      const [near, far] = memoryPair();
      const stream = messages<Uint8Array>(near);
      const validated = messages<unknown>(memoryPair()[0], { outgoingSchema });
      validated.close();
      validated.send(big);
      for (let i = 0; i < 20; i++) stream.send(big);
      stream.flush();
      stream.closeWrite();
      stream.next();
      await turns(3);
      far.close();
      far.close();
      await turns(3);
      stream.send(big);
      stream.close();
    });
    assertEquals(errors, []);
  },
);

for (const broken of [undefined, new Error("broken")]) {
  Deno.test(
    `receive() of frames() leaves ${
      broken === undefined ? "no reset" : "what its function throws"
    } unhandled`,
    none,
    async () => {
      const errors = await unhandledDuring(async () => {
        const fault = { kind: "reset", after: 3 } as const; // the literal type that it wants
        const [near, far] = memoryPair({ toClient: { fault } });
        const stream = frames(near, lines());
        stream.receive(() => {
          if (broken !== undefined) throw broken;
        });
        far.write(new Uint8Array(5).fill(10)).catch(() => {});
        await turns(5);
        stream.receive(() => {});
        stream.read();
        await turns(5);
        stream.abort();
        far.close();
      });
      assertEquals(errors, broken === undefined ? [] : [broken]);
    },
  );
}
