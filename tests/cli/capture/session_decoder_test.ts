import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import { redacted } from "../../../lib/cli/capture/redaction.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { Histogram } from "../../../lib/cli/histogram.ts";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import { withSessionBytes } from "./session_bytes.ts";

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
