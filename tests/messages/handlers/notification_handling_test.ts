import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals } from "@std/assert";
import {
  connect,
  createServer,
  json,
  notification,
  protocol,
  unary,
} from "../../../lib/messages/mod.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";
import { turns } from "../kit.ts";
import { memoryPair } from "../../../lib/testing/mod.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A schema that validates synchronously or asynchronously. */
function word(later: boolean): StandardSchema<string> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate(value) {
        const result = typeof value === "string"
          ? { value }
          : { issues: [{ message: "Expected a string" }] };
        return later ? Promise.resolve(result) : result;
      },
    },
  };
}

const Diary = protocol({
  name: "diary",
  server: {
    note: notification<string>(),
    checked: notification({ input: word(false) }),
    slowly: notification({ input: word(true) }),
    read: unary<void, string[]>(),
  },
});

Deno.test(
  "handlers of notifications and calls are entered in the order of arrival",
  none,
  async () => {
    const pages: string[] = [];
    const write = (text: string) => void pages.push(text);
    const server = createServer(Diary).handle({
      note: write,
      checked: write,
      slowly: write,
      read: () => [...pages],
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connect(Diary, near);
    const { remote } = session;
    // One turn, one write: the call follows the notifications directly.
    const [read] = await Promise.all([
      (remote.note("a"), remote.checked("b"), remote.note("c"), remote.read()),
      remote.slowly("d"),
    ]);
    assertEquals(read, ["a", "b", "c"]);
    await turns(5); // the asynchronous schema settles
    assertEquals(await remote.read(), ["a", "b", "c", "d"]);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a notification that does not match its schema is counted and dropped",
  none,
  async () => {
    const pages: string[] = [];
    const incidents: unknown[] = [];
    const write = (text: string) => void pages.push(text);
    const server = createServer(Diary, {
      onError: (incident) => void incidents.push(incident),
    }).handle({
      note: write,
      checked: write,
      slowly: write,
      read: () => [...pages],
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connect(Diary, near);
    const { remote } = session;
    for (const method of ["checked", "slowly"] as const) {
      // @ts-expect-error: what a peer of another version might send
      await remote[method](7);
    }
    assertEquals(await remote.read(), []);
    await turns(5); // the asynchronous schema settles
    const [accepted] = server.sessions;
    assertEquals(accepted?.stats.malformedCalls, 2);
    assertEquals(incidents, []);
    await session.close();
    await server.shutdown();
  },
);

Deno.test(
  "a notification that was handled after the session's end leaves nothing",
  async () => {
    const atOnce = 32, count = 200;
    const seen: WeakRef<object>[] = [];
    const running: (() => void)[] = [];
    const limits = { maxCalls: atOnce };
    const server = createServer(Diary, { limits }).handle({
      note(_, context) {
        seen.push(new WeakRef(context.signal));
        return new Promise<void>((resolve) => running.push(resolve));
      },
      checked() {},
      slowly() {},
      read: () => [],
    });
    const [near, far] = memoryPair();
    server.accept(far);
    const session = await connect(Diary, near);
    const notes = Array.from({ length: count }, () => session.remote.note("a"));
    await Promise.all(notes);
    await session.close();
    await turns(20);
    for (let at = 0; at < count - atOnce; at++) {
      assertEquals(seen.length, atOnce + at);
      running.shift()!();
      await turns(5);
    }
    collectGarbage();
    const held = seen.filter((signal) => signal.deref() !== undefined);
    assert(held.length <= 2 * atOnce, `${held.length} of ${count} are held`);
    for (const settle of running) settle();
    await server.shutdown();
  },
);

/** Frees what nothing refers to. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

Deno.test(
  "notifications that cannot be decoded are counted and keep no place",
  none,
  async () => {
    const good = json();
    /** Encodes the text "bad" as something that is not JSON. */
    const codec = {
      name: good.name,
      decode: (body: Uint8Array) => good.decode(body),
      encode: (value: unknown) =>
        value === "bad" ? Uint8Array.of(0x7b) : good.encode(value),
      encodeInto(value: unknown, target: Uint8Array, offset: number) {
        if (value !== "bad") return good.encodeInto(value, target, offset);
        return this.encode(value);
      },
    };
    const pages: string[] = [];
    const server = createServer(Diary, {
      codecs: [json()],
      limits: { maxCalls: 32 },
    }).handle({
      note: (text) => void pages.push(text),
      checked() {},
      slowly() {},
      read: () => pages,
    });
    const [near, far] = memoryPair();
    const accepted = server.accept(far);
    const session = await connect(Diary, near, { codecs: [codec] });
    for (let n = 0; n < 100; n++) await session.remote.note("bad");
    await session.remote.note("good");
    assertEquals(await session.remote.read(), ["good"]);
    assertEquals([...server.sessions][0]?.stats.malformedCalls, 100);
    await session.close();
    await accepted;
    await server.shutdown();
  },
);
