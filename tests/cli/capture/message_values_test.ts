import { assert, assertEquals } from "@std/assert";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import {
  MessageAssembly,
  valueOf,
} from "../../../lib/cli/capture/message_values.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import { encodeGoaway } from "../../../lib/messages/session/wire/goaway.ts";
import { withSessionBytes } from "./session_bytes.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const ITEM = 0x11;
const GOAWAY = 0x02;

/** Returns a captured frame. */
function frame(
  body: readonly number[],
  given: Partial<CapturedFrame> = {},
): CapturedFrame {
  return {
    connection: 1,
    dir: "in",
    time: 0,
    kind: "ITEM",
    more: false,
    id: 1,
    size: 12 + body.length,
    method: undefined,
    shape: undefined,
    code: undefined,
    note: undefined,
    codec: "msgpack",
    bytes: Uint8Array.from([0, 0, 0, 0, ITEM, 0, 0, 0, 0, 0, 0, 1, ...body]),
    ...given,
  };
}

/** Returns the body of an item. */
function item(value: unknown): number[] {
  return [0, 0, ...msgpack().encode(value)];
}

/** Adds frames; returns the values of the messages that they complete. */
function values(...frames: readonly CapturedFrame[]): unknown[] {
  const assembly = new MessageAssembly();
  return frames.map((each) => {
    const message = assembly.add(each);
    return message && valueOf(message)?.value;
  });
}

Deno.test(
  "the values of a whole session are decoded, and no credentials",
  none,
  async () => {
    const { client, server } = await withSessionBytes();
    const decoder = new SessionDecoder(1);
    const assembly = new MessageAssembly();
    const found: unknown[] = [];
    for (const [dir, bytes] of [["in", client], ["out", server]] as const) {
      // The codec is in the HELLO of the server.
      if (dir === "in") decoder.codec = "msgpack";
      const onDamage = (error: Error) => {
        throw error;
      };
      for (const each of decoder.push(dir, bytes, 0, onDamage)) {
        const message = assembly.add(each);
        const decoded = message && valueOf(message);
        if (decoded !== undefined) found.push([each.kind, decoded.value]);
      }
    }
    const has = (kind: string, value: unknown) =>
      assert(
        found.some((each) =>
          JSON.stringify(each) === JSON.stringify([kind, value])
        ),
        JSON.stringify(found),
      );
    has("REQUEST", { sku: "tea" });
    has("RESULT", { cents: 300 });
    has("ITEM", "a");
    has("ITEM", "A");
    has("NOTIFY", { a: 1 });
    has("GOAWAY", { message: "" });
    has("ERROR", {
      message: "no article \\u{1b}[31mmilk",
      declared: "unknownSku",
      data: { sku: "\x1b]0;x\x07" },
    });
    assert(!JSON.stringify(found).includes("secret"));
  },
);

Deno.test(
  "a message in several frames has its value at the last one",
  none,
  () => {
    const body = item({ big: 2n ** 60n, bytes: Uint8Array.of(1) });
    const cut = 4;
    const other = { connection: 2 };
    assertEquals(
      values(
        frame(body.slice(0, cut), { more: true }),
        frame(item("another call"), { id: 2 }),
        frame(item("another direction"), { dir: "out" }),
        frame(item("another connection"), other),
        frame(body.slice(cut)),
        frame(item(1)),
      ),
      [
        undefined,
        "another call",
        "another direction",
        "another connection",
        { big: 2n ** 60n, bytes: Uint8Array.of(1) },
        1,
      ],
    );
  },
);

Deno.test("what cannot be decoded has no value", none, () => {
  const body = item("text");
  assertEquals(
    values(
      frame(body, { codec: "custom" }),
      frame(body, { codec: "toString" }),
      frame(body, { codec: "" }),
      frame(body, { kind: "CREDIT" }),
      frame(body, { size: 100 }), // only its head was captured
      frame([0, 9, 1]), // fields that are longer than the body
      frame([0, 0]), // no value, as in the RESULT of a stream
      frame([0, 0, 0xc1]), // never used in MessagePack
      frame(body),
    ),
    [...Array(8).fill(undefined), "text"],
  );
});

Deno.test(
  "the rest of a message whose beginning is unknown has no value",
  none,
  () => {
    const body = item("text");
    const long = 200 * 1024;
    const part = new Array<number>(long).fill(0);
    assertEquals(
      values(
        frame(part, { more: true }),
        frame(part, { more: true }), // too long
        frame(body),
        frame(body),
        frame(body.slice(0, 3), { more: true, size: 100 }), // truncated
        frame(body),
        frame(body),
      ),
      [undefined, undefined, undefined, "text", undefined, undefined, "text"],
    );
  },
);

Deno.test(
  "unfinished messages are bounded, the oldest are dropped",
  none,
  () => {
    const part = new Array<number>(250 * 1024).fill(0);
    const body = item("text");
    const [begun, end] = [body.slice(0, 4), body.slice(4)];
    const begin = (id: number, given: number[]) =>
      frame(given, { id, more: true });
    const found = values(
      begin(1, begun),
      ...Array.from({ length: 20 }, (_, id) => begin(id + 3, part)), // 5 MB
      begin(2, begun),
      frame(end, { id: 1 }),
      frame(end, { id: 2 }),
    );
    assertEquals(found.slice(-2), [undefined, "text"]);
  },
);

Deno.test("GOAWAY has its text whatever the codec is", none, () => {
  const body = [...encodeGoaway({ code: "drain", lastId: 0, message: "hi" })];
  const goaway = frame(body, { kind: "GOAWAY", id: 0, codec: "custom" });
  goaway.bytes[4] = GOAWAY;
  assertEquals(values(goaway), [{ message: "hi" }]);
});
