/**
 * Wireshark's tshark reads captures with the dissector of the command line.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  interfaceBlock,
  packetBlock,
  sectionHeader,
} from "../../../lib/cli/capture/pcapng.ts";
import type {
  CapturedFrame,
  Direction,
} from "../../../lib/cli/capture/captured_frame.ts";
import { SessionDecoder } from "../../../lib/cli/capture/session_decoder.ts";
import { withSessionBytes } from "../../cli/capture/session_bytes.ts";

const SCRIPT = "lua_script:lib/cli/lengthwise.lua";

async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args })
    .output();
  const errors = new TextDecoder().decode(stderr);
  assertEquals(code, 0, errors);
  assertEquals(/lua|error/i.test(errors), false, errors);
  return new TextDecoder().decode(stdout);
}

/** Returns the columns of each packet in a file. */
async function columns(
  file: string,
  names: readonly string[],
  ...flags: string[]
): Promise<string[][]> {
  const text = await run(
    "tshark",
    ...["-X", SCRIPT, "-r", file, "-T", "fields", ...flags],
    ...names.flatMap((name) => ["-e", name]),
  );
  return text.split("\n").slice(0, -1).map((line) => line.split("\t"));
}

function decoded(dir: Direction, bytes: Uint8Array): CapturedFrame[] {
  return new SessionDecoder(1).push(dir, bytes, 1_769_817_600_000, (error) => {
    throw error;
  });
}

Deno.test("tshark reads what tap writes", async () => {
  const { client, server } = await withSessionBytes();
  const frames = [...decoded("in", client), ...decoded("out", server)];
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_tshark_" });
  try {
    const file = `${folder}/x.pcapng`;
    const parts = [
      sectionHeader("lengthwise"),
      interfaceBlock("1 tcp://127.0.0.1:5000"),
      ...frames.map(({ dir, time, bytes, size, note: comment }) =>
        packetBlock({ interface: 0, dir, time, bytes, size, comment })
      ),
    ];
    const blob = new Blob(parts.map((part) => part.slice()));
    await Deno.writeFile(file, await blob.bytes());
    const found = await columns(file, [
      "lengthwise.kind",
      "lengthwise.id",
      "frame.packet_flags_direction",
      "frame.len",
      "frame.interface_name",
    ]);
    assertEquals(
      found.map((
        [, id, direction, length, name],
      ) => [Number(id), Number(direction), Number(length), name]),
      frames.map((
        { id, dir, size },
      ) => [id, dir === "in" ? 1 : 2, size, "1 tcp://127.0.0.1:5000"]),
    );
    const text = await run("tshark", "-X", SCRIPT, "-r", file, "-V");
    for (
      const expected of [
        "Kind: HELLO (0x01)",
        "Protocol: shop",
        "Method: price",
        "Codecs: msgpack",
        "Role: client (0)",
        "Code: declared (0)",
        "Code: closed (0)",
        "Packet comments",
      ]
    ) assertStringIncludes(text, expected);
    assertEquals(text.includes("secret"), false);
    assertEquals(/Malformed|Lua Error/.test(text), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tshark finds frames in TCP segments that end anywhere", async () => {
  const { client } = await withSessionBytes();
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_tshark_" });
  try {
    const dump: string[] = [];
    for (let at = 0; at < client.length; at += 37) {
      const digits = [...client.subarray(at, at + 37)]
        .map((byte) => byte.toString(16).padStart(2, "0"));
      dump.push(`000000 ${digits.join(" ")}\n`);
    }
    await Deno.writeTextFile(`${folder}/dump`, dump.join("\n"));
    const file = `${folder}/x.pcap`;
    await run("text2pcap", "-q", "-T", "5000,7000", `${folder}/dump`, file);
    const found = await columns(
      file,
      ["lengthwise.kind"],
      ...["-d", "tcp.port==7000,lengthwise"],
    );
    const kinds = found.flatMap(([kinds = ""]) =>
      kinds.split(",").filter((kind) => kind !== "")
    );
    assertEquals(kinds.length, decoded("in", client).length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
