/**
 * Frames decoded from 64 KiB reads in memory, and encoded, compared with the
 * fastest loop by hand and with parsers from npm, in processor time.
 *
 * @module
 */
import { u32be, varint } from "../../../lib/framing/mod.ts";
import { grpcMessage, postgres } from "../../../lib/framing/presets.ts";
import {
  byGrpc,
  byPg,
  byViews,
  input,
  lists,
  ours,
} from "../framing_decode.ts";
import { byHand, encodeInto, payloadsOf } from "../framing_encode.ts";
import { Program } from "../processes.ts";
import {
  expectCount,
  interleave,
  type Outcome,
  perProcessorSecond,
  type Row,
} from "../row.ts";

const SIZE = 128;
const PAYLOAD = new Uint8Array(SIZE).fill(7);
const PAYLOADS = payloadsOf(SIZE);

/** Measures two functions that handle the same frames and return their number. */
async function compared(
  library: () => number | Promise<number>,
  other: () => number,
  rounds = 9,
): Promise<Outcome> {
  const frames = other();
  const speed = (run: () => number | Promise<number>) => () =>
    perProcessorSecond(frames, async () => {
      expectCount("frames", await run(), frames);
    });
  const found = await interleave(speed(library), speed(other), rounds);
  return { ...found, unit: "frames/s" };
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "frames_views",
    title: `u32 frames of ${SIZE} B, decoded as views`,
    against: "loop by hand with `new Uint8Array(buffer, …)`",
    target: { least: 0.95 },
    group: "rows",
    measure({ rounds }) {
      const frames = input(u32be().encoder().encode(PAYLOAD));
      const { run } = ours(u32be(), frames);
      return compared(run, () => byViews(frames), rounds);
    },
  },
  {
    name: "frames_encode",
    title: `u32 frames of ${SIZE} B, encoded into a batch`,
    against: "loop by hand with `setUint32` and `set`",
    target: { least: 0.95 },
    group: "rows",
    measure: ({ rounds }) =>
      compared(() => encodeInto(PAYLOADS), () => byHand(PAYLOADS), rounds),
  },
  {
    name: "frames_varint",
    title: `varint frames of ${SIZE} B`,
    against: "it-length-prefixed",
    target: { least: 1 },
    group: "rows",
    measure({ rounds }) {
      const frames = input(varint().encoder().encode(PAYLOAD));
      const { run } = ours(varint(), frames);
      return compared(run, () => lists(frames), rounds);
    },
  },
  {
    name: "frames_grpc",
    title: `gRPC messages of ${SIZE} B`,
    against: "the `StreamDecoder` of @grpc/grpc-js",
    target: { least: 1 },
    group: "rows",
    measure({ rounds }) {
      const message = new Uint8Array(5 + SIZE).fill(7);
      message[0] = 0; // not compressed
      const frames = input(grpcMessage().encoder().encode(message));
      const { run } = ours(grpcMessage(), frames);
      return compared(run, () => byGrpc(frames), rounds);
    },
  },
  {
    name: "frames_postgres",
    title: `PostgreSQL CopyData messages of ${SIZE} B`,
    against: "the `Parser` of pg-protocol, which also decodes",
    target: { least: 1 },
    group: "rows",
    measure({ rounds }) {
      const copyData = new Uint8Array(5 + SIZE).fill(7);
      copyData[0] = 0x64;
      const frames = input(postgres().encoder().encode(copyData));
      const { run } = ours(postgres(), frames);
      return compared(run, () => byPg(frames), rounds);
    },
  },
  packets("frames_mysql", "mysql2", {
    title: `MySQL packets of ${SIZE} B, first byte of each`,
    against: "the `PacketParser` of mysql2",
  }),
  packets("frames_mysql_bytes", "bytes", {
    title: `MySQL packets of ${SIZE} B as bytes`,
    against: "the `PacketParser` and `readBuffer()` of mysql2",
  }),
];

/** Returns a row of MySQL packets. */
function packets(
  name: string,
  other: string,
  texts: Pick<Row, "title" | "against">,
): Row {
  return {
    name,
    ...texts,
    target: { least: 1 },
    group: "rows",
    async measure({ rounds = 9 }) {
      await using program = Program.start("mysql_packets.ts", [`${SIZE}`], [
        ...["--no-lock", "--allow-env", "--allow-read"],
      ]);
      await program.next();
      const found = await interleave(
        () => program.ask("lengthwise"),
        () => program.ask(other),
        rounds,
      );
      return { ...found, unit: "frames/s" };
    },
  };
}
