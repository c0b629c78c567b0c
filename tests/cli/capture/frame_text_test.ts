import { assertEquals } from "@std/assert";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import {
  frameLine,
  frameValue,
  keptBytes,
} from "../../../lib/cli/capture/frame_text.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const FRAME: CapturedFrame = {
  connection: 2,
  dir: "in",
  time: 1500,
  kind: "ITEM",
  more: false,
  id: 7,
  size: 112,
  method: undefined,
  shape: undefined,
  code: undefined,
  note: undefined,
  bytes: new Uint8Array(112).fill(65),
};

Deno.test("keptBytes() keeps what a mode and a kind need", none, () => {
  const kept = (kind: string, bodies: "none" | "head" | "full") =>
    keptBytes({ ...FRAME, kind }, bodies).length;
  assertEquals(
    ["ITEM", "REQUEST", "NOTIFY", "HELLO"].map((kind) => [
      kept(kind, "none"),
      kept(kind, "head"),
      kept(kind, "full"),
    ]),
    [[13, 76, 112], [14, 76, 112], [14, 76, 112], [112, 112, 112]],
  );
});

Deno.test(
  "frameLine() and frameValue() leave out what a frame lacks",
  none,
  () => {
    assertEquals(
      frameLine(FRAME, 1000, "none"),
      "   0.5000 #2 → ITEM    id 7 112 B",
    );
    const value = { time: 1500, connection: 2, dir: "in", kind: "ITEM", id: 7 };
    assertEquals(frameValue(FRAME, "none"), { ...value, size: 112 });
    const full: CapturedFrame = {
      ...FRAME,
      ...{ dir: "out", id: 0, more: true, method: "a\x1b", code: "internal" },
      note: "a note",
    };
    assertEquals(
      frameLine(full, 1500, "full"),
      `   0.0000 #2 ← ITEM    a\\u{1b} internal 112 B, more follows (a note) ${
        "A".repeat(48)
      }`,
    );
    assertEquals(frameValue(full, "head"), {
      ...value,
      ...{ dir: "out", id: 0, size: 112, more: true },
      ...{ method: "a\x1b", code: "internal", note: "a note" },
      body: "41".repeat(64),
    });
  },
);
