import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type {
  CapturedFrame,
  Direction,
} from "../../../lib/cli/capture/captured_frame.ts";
import { redacted } from "../../../lib/cli/capture/redaction.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { Histogram } from "../../../lib/cli/histogram.ts";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import {
  CALL_ERROR_CODES,
  SESSION_ERROR_CODES,
} from "../../../lib/messages/errors/call_error.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { FIXED } from "../../../lib/messages/session/wire/hello.ts";
import { decoderOfSession, frameOf } from "./frames.ts";
import { withSessionBytes } from "./session_bytes.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("SessionDecoder names methods of all kinds of frames", async () => {
  const { client, server } = await withSessionBytes();
  const decoder = new SessionDecoder(1);
  const never = () => assert(false);
  const sent = decoder.push("in", client, 5, never);
  const received = decoder.push("out", server, 6, never);
  const names = (frames: CapturedFrame[], kind: string) =>
    frames.filter((frame) => frame.kind === kind).map(({ method }) => method);
  assertEquals(sent[0]?.note?.startsWith("client, protocol shop"), true);
  assertEquals(names(sent, "REQUEST").slice(0, 2), ["price", "price"]);
  assert(names(sent, "REQUEST").includes("room.upper"));
  assert(names(received, "ITEM").includes("room.upper"));
  assertEquals(names(received, "ERROR"), ["price"]);
  assertEquals(received.find(({ kind }) => kind === "ERROR")?.code, "declared");
  assertEquals(names(received, "NOTIFY"), ["news", "news", "news"]);
  assertEquals(decoder.codec, "msgpack");
  assertEquals(
    sent.reduce((sum, { size }) => sum + size, 0),
    client.length,
  );
});

Deno.test("SessionDecoder decodes bytes in any pieces", async () => {
  const { client } = await withSessionBytes();
  const whole = new SessionDecoder(1).push("in", client, 0, () => {});
  const random = seededRandom(3);
  for (let round = 0; round < 20; round++) {
    const decoder = new SessionDecoder(1);
    const frames: CapturedFrame[] = [];
    for (let at = 0; at < client.length;) {
      const end = at + 1 + Math.floor(random() * 40);
      frames.push(...decoder.push("in", client.subarray(at, end), 0, () => {}));
      at = end;
    }
    assertEquals(frames, whole);
  }
});

Deno.test("no credentials and tokens are left in frames", async () => {
  const { client, server, secret } = await withSessionBytes();
  const holds = (bytes: Uint8Array) =>
    new TextDecoder("latin1").decode(bytes).includes(secret);
  assert(holds(client));
  const decoder = new SessionDecoder(1);
  for (const [dir, bytes] of [["in", client], ["out", server]] as const) {
    const frames = decoder.push(dir, bytes, 0, () => {});
    assertEquals(holds(concat(frames.map(({ bytes }) => bytes))), false);
  }
});

Deno.test("redacted() erases what it cannot read of a HELLO", {
  permissions: "none",
}, () => {
  const hello = new Uint8Array(8 + 52 + 10).fill(7);
  hello[0] = 1;
  for (let length = 1; length < hello.length; length++) {
    const copy = redacted(hello.subarray(0, length));
    assertEquals(copy.subarray(60).every((byte) => byte === 0), true);
  }
  const auth = redacted(new Uint8Array([6, 0, 0, 0, 0, 0, 0, 1, 9, 9]));
  assertEquals([...auth], [6, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
});

Deno.test("damage ends the decoding of one direction only", async () => {
  const { client, server } = await withSessionBytes();
  const decoder = new SessionDecoder(1);
  const damage: string[] = [];
  const onDamage = ({ code }: { code: string }) => void damage.push(code);
  const bad = concat([client, new Uint8Array([255, 255, 255, 255])]);
  assert(decoder.push("in", bad, 0, onDamage).length >= 0);
  assertEquals(decoder.push("in", client, 0, onDamage), []);
  assertEquals(damage, ["too-large"]);
  assert(decoder.push("out", server, 0, onDamage).length > 0);
});

Deno.test(
  "SessionDecoder survives random bodies",
  { permissions: "none" },
  () => {
    const random = seededRandom(11);
    const sizes = new Histogram();
    for (let round = 0; round < 3000; round++) {
      const decoder = new SessionDecoder(1);
      const frame = Uint8Array.from(
        { length: Math.floor(random() * 90) },
        () => random() < 0.3 ? random() * 32 : random() * 256,
      );
      const described = decoder.describe("in", frame, frame.length + 4, 0);
      sizes.record(described.size);
    }
    assertEquals(sizes.count, 3000);
  },
);

Deno.test("SessionDecoder describes frames of any length", none, () => {
  const request = frameOf(Kind.REQUEST, 7, [], Flag.MORE);
  for (let length = 0; length <= request.length; length++) {
    const { kind, more, id, method, size, bytes } = new SessionDecoder(3)
      .describe("in", request.subarray(0, length), 30, 5);
    assertEquals(kind, length === 0 ? "empty" : "REQUEST");
    assertEquals(more, length > 1);
    assertEquals(id, length < 8 ? 0 : 7);
    assertEquals([method, size], [undefined, 30]);
    assertEquals([...bytes], [0, 0, 0, 26, ...request.subarray(0, length)]);
  }
});

Deno.test("SessionDecoder names the codes of ERROR and GOAWAY", none, () => {
  const decoder = new SessionDecoder(1);
  const codeOf = (kind: number, ...body: number[]) =>
    decoder.describe("in", frameOf(kind, 1, body), 20, 0).code;
  assertEquals(codeOf(Kind.ERROR, 2), CALL_ERROR_CODES[2]);
  assertEquals(codeOf(Kind.ERROR, 200), "code 200");
  assertEquals(codeOf(Kind.ERROR), undefined);
  assertEquals(codeOf(Kind.GOAWAY, 2), SESSION_ERROR_CODES[2]);
  assertEquals(codeOf(Kind.GOAWAY, 200), "code 200");
  assertEquals(codeOf(Kind.RESULT, 2), undefined);
});

Deno.test("SessionDecoder remembers the method of a call until its last frame", async () => {
  const decoder = await decoderOfSession();
  const method = (
    dir: Direction,
    kind: number,
    body: readonly number[] = [],
    flags = 0,
  ) => decoder.describe(dir, frameOf(kind, 9, body, flags), 20, 0).method;
  const first = method("in", Kind.REQUEST, [0, 0], Flag.MORE);
  const second = method("in", Kind.NOTIFY, [0, 1], Flag.MORE);
  assert(first !== undefined && second !== undefined && first !== second);
  // The second part of a message has any bytes where its first has the number.
  assertEquals(method("in", Kind.REQUEST, [0, 1]), first);
  assertEquals(method("in", Kind.NOTIFY, [0, 0]), second);
  assertEquals(method("in", Kind.NOTIFY, [0, 0]), first);
  assertEquals(method("in", Kind.NOTIFY, [0]), undefined);
  assertEquals(method("out", Kind.RESULT, [], Flag.MORE), first);
  for (const kind of [Kind.ITEM, Kind.CREDIT]) {
    assertEquals([method("in", kind), method("out", kind)], [first, first]);
  }
  for (const kind of [Kind.END, Kind.CANCEL]) {
    assertEquals([method("in", kind), method("out", kind)], [first, undefined]);
  }
  assertEquals(method("in", Kind.RESULT), undefined); // of the peer's call
  assertEquals(method("out", Kind.RESULT), first);
  assertEquals(method("out", Kind.RESULT), undefined);
  assertEquals(method("in", Kind.ITEM), undefined);
  method("in", Kind.REQUEST, [0, 0]);
  assertEquals([method("out", Kind.ERROR), method("out", Kind.ERROR)], [
    first,
    undefined,
  ]);
});

Deno.test("SessionDecoder remembers the methods of 10,000 calls", async () => {
  const decoder = await decoderOfSession();
  const method = (kind: number, id: number) =>
    decoder.describe("in", frameOf(kind, id, [0, 0]), 20, 0).method;
  for (let id = 1; id <= 10_000; id++) method(Kind.REQUEST, id);
  const name = method(Kind.END, 1);
  assert(name !== undefined);
  method(Kind.REQUEST, 10_001);
  assertEquals([1, 2, 10_001].map((id) => method(Kind.END, id)), [
    undefined,
    name,
    name,
  ]);
});

Deno.test("a HELLO that is not valid is described as such", none, () => {
  const decoder = new SessionDecoder(1);
  const { note, kind } = decoder.describe("in", frameOf(Kind.HELLO, 0), 12, 0);
  assertEquals([kind, note?.startsWith("malformed HELLO: ")], ["HELLO", true]);
  assertEquals(decoder.codec, "");
  assertEquals(
    decoder.describe("in", frameOf(Kind.PING, 0), 12, 0).note,
    undefined,
  );
});

Deno.test(
  "redacted() leaves other frames, and erases only secrets",
  none,
  () => {
    const ping = frameOf(Kind.PING, 0, [1, 2, 3]);
    assertEquals(redacted(ping), ping);
    const entries = (...list: [type: number, ...value: number[]][]) =>
      list.flatMap(([type, ...value]) => [type, 0, value.length, ...value]);
    const hello = (...list: [type: number, ...value: number[]][]) =>
      frameOf(Kind.HELLO, 0, [
        ...new Array(FIXED).fill(9),
        ...entries(...list),
      ]);
    assertEquals(
      redacted(hello([1, 7], [4, 7, 7], [10, 7], [11], [4], [12, 7])),
      hello([1, 7], [4, 0, 0], [10, 0], [11], [4], [12, 7]),
    );
    const whole = hello([1, 7], [2, 7, 7]);
    for (let missing = 1; missing < 5; missing++) {
      // An entry that is not whole may be a secret.
      const cut = whole.slice(0, -missing);
      const erased = cut.slice();
      erased.fill(0, hello([1, 7]).length);
      assertEquals(redacted(cut), erased);
    }
  },
);
