import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { Direction } from "../../../lib/cli/capture/captured_frame.ts";
import {
  interfaceBlock,
  packetBlock,
  sectionHeader,
} from "../../../lib/cli/capture/pcapng.ts";
import {
  type RecordedCall,
  recordedCalls,
} from "../../../lib/cli/capture/recorded_calls.ts";
import { CliError } from "../../../lib/cli/errors.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { frameOf, hellos } from "./frames.ts";

type Frames = readonly (readonly [
  dir: Direction,
  kind: number,
  id: number,
  body?: readonly number[],
  flags?: number,
])[];

/** Returns the calls of a capture with some frames after the handshake. */
async function callsOf(
  frames: Frames,
  filter = (_: { id: number }) => true,
): Promise<RecordedCall[]> {
  const { in: client, out: server } = await hellos();
  const all: [Direction, Uint8Array][] = [["in", client], ["out", server]];
  for (const [dir, kind, id, body, flags] of frames) {
    all.push([dir, frameOf(kind, id, body, flags)]);
  }
  const file = concat([
    sectionHeader("test"),
    interfaceBlock("1"),
    ...all.map(([dir, frame], time) =>
      packetBlock({
        interface: 0,
        dir,
        time,
        bytes: concat([new Uint8Array(4), frame]),
        size: frame.length + 4,
      })
    ),
  ]);
  return recordedCalls(file, filter);
}

/** Begins a REQUEST or NOTIFY without fields, of method 0 or 1. */
const head = (
  method: number,
  ...value: number[]
) => [0, method, 0, 0, ...value];

Deno.test("recordedCalls() joins the parts of messages", async () => {
  const [call, notification, next] = await callsOf([
    ["in", Kind.REQUEST, 1, head(0, 1), Flag.MORE],
    ["in", Kind.NOTIFY, 0, head(1, 2), Flag.MORE],
    ["in", Kind.REQUEST, 1, [3]],
    ["in", Kind.NOTIFY, 0, [4]],
    ["in", Kind.NOTIFY, 0, head(1, 5)],
    ["in", Kind.ITEM, 1, [0, 0, 6], Flag.MORE],
    ["out", Kind.ITEM, 1, [0, 0], Flag.MORE],
    ["in", Kind.ITEM, 1, [7]],
    ["out", Kind.ITEM, 1, [1]],
    ["in", Kind.ITEM, 1, [0, 0, 8]],
    ["out", Kind.ITEM, 1, [0, 0]],
    ["out", Kind.RESULT, 1, [], Flag.MORE],
  ]);
  assertEquals(call, {
    ...call!,
    connection: 1,
    time: 2,
    metadata: {},
    value: new Uint8Array([1, 3]),
    items: [new Uint8Array([6, 7]), new Uint8Array([8])],
    received: 2,
    outcome: undefined,
    cancelled: false,
    codec: "msgpack",
  });
  assertEquals([notification?.value, next?.value], [
    new Uint8Array([2, 4]),
    new Uint8Array([5]),
  ]);
});

Deno.test("recordedCalls() has the outcomes of calls", async () => {
  const calls = await callsOf([
    ["in", Kind.REQUEST, 1, head(0)],
    ["in", Kind.REQUEST, 3, head(0)],
    ["in", Kind.REQUEST, 5, head(0)],
    ["in", Kind.CANCEL, 5],
    ["in", Kind.CANCEL, 7],
    ["out", Kind.RESULT, 1],
    ["out", Kind.ERROR, 3, [2]],
    ["out", Kind.ERROR, 1, [2]], // late
    ["out", Kind.RESULT, 9],
    ["in", Kind.REQUEST, 1, head(1)], // another call with the same id
  ]);
  assertEquals(
    calls.map(({ outcome, cancelled }) => [outcome, cancelled]),
    [["ok", false], ["deadline", false], [undefined, true], [undefined, false]],
  );
});

Deno.test("recordedCalls() leaves out calls that are not whole, known or wanted", async () => {
  const frames: Frames = [
    ["in", Kind.REQUEST, 1, head(0), Flag.MORE],
    ["in", Kind.REQUEST, 3, [255, 255, 0, 0]],
    ["in", Kind.REQUEST, 5, head(0)],
    ["in", Kind.REQUEST, 7, head(0)],
    ["out", Kind.REQUEST, 2, head(0)], // of the server
    ["in", Kind.ITEM, 9, [0, 0]],
  ];
  const calls = await callsOf(frames, ({ id }) => id !== 7);
  assertEquals(calls.map(({ time }) => time), [4]);
});

Deno.test("recordedCalls() explains damaged calls", async () => {
  await assertRejects(
    () => callsOf([["in", Kind.REQUEST, 1, [0, 0, 9]]]),
    CliError,
    "Cannot replay: ",
  );
});
