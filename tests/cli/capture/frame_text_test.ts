import { assertEquals } from "@std/assert";
import type { CapturedFrame } from "../../../lib/cli/capture/captured_frame.ts";
import {
  frameLine,
  frameLines,
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
  codec: "msgpack",
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

Deno.test(
  "frameLines() puts a value beside its frame, or below it",
  none,
  () => {
    const frame: CapturedFrame = {
      ...FRAME,
      method: "m",
      bytes: new Uint8Array(),
    };
    const line = "   0.0000 #2 → ITEM    id 7 m 112 B";
    const value = { text: "a\x9b", big: 1n };
    assertEquals(
      frameLines(frame, 1500, "full", { value }, 100),
      `${line} {"text":"a\\u009b","big":{"$bigint":"1"}}`,
    );
    assertEquals(
      frameLines(frame, 1500, "full", { value }, 60),
      `${line}\n          {"text":"a\\u009b","big":{"$bigint":"1"}}`,
    );
    assertEquals(
      frameLines(frame, 1500, "full", { value }, 20).split("\n"),
      [
        `${line.slice(0, 19)}…`,
        ...[
          "{",
          `  "text": "a\\u009b",`,
          `  "big": {`,
          `    "$bigint": "1"`,
          "  }",
          "}",
        ].map((each) => `          ${each}`),
      ],
    );
    assertEquals(frameLines(frame, 1500, "full", undefined, 10), "   0.0000…");
    assertEquals(frameValue(FRAME, "full", { value: undefined }), {
      ...{
        time: 1500,
        connection: 2,
        dir: "in",
        kind: "ITEM",
        id: 7,
        size: 112,
      },
      value: undefined,
    });
  },
);
