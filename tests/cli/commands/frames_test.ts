import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { FRAMING_NAMES, framingOf } from "../../../lib/cli/framings.ts";
import { u32be } from "../../../lib/framing/length_presets.ts";
import { readPcapng } from "../../../lib/cli/capture/pcapng.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { frameOf } from "../capture/frames.ts";
import { withSessionBytes } from "../capture/session_bytes.ts";
import { runCli } from "../kit.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function framed(...payloads: Uint8Array[]): Uint8Array {
  const encoder = u32be().encoder();
  return concat(payloads.map((payload) => encoder.encode(payload)));
}

Deno.test("frames prints offset, size and preview of each frame", async () => {
  const stdin = framed(encode("tea"), encode(""), encode("coffee"));
  const { code, stdout, stderr } = await runCli(
    ["frames", "-", "--framing", "u32be"],
    { stdin },
  );
  assertEquals(code, 0);
  assertEquals(stdout.trim().split("\n").map((line) => JSON.parse(line)), [
    { offset: 0, size: 7, length: 3, preview: "746561" },
    { offset: 7, size: 4, length: 0, preview: "" },
    { offset: 11, size: 10, length: 6, preview: "636f66666565" },
  ]);
  assertStringIncludes(stderr, "3 frames, 21 bytes");
});

Deno.test("frames finds the offsets of many frames across chunks", async () => {
  const payloads = Array.from(
    { length: 300 },
    (_, index) => new Uint8Array(index),
  );
  const { stdout } = await runCli(["frames", "-", "--framing", "u32be"], {
    stdin: framed(...payloads),
  });
  let offset = 0;
  const found = stdout.trim().split("\n").map((line) => JSON.parse(line));
  for (const [index, each] of found.entries()) {
    assertEquals([each.offset, each.size], [offset, index + 4]);
    offset += index + 4;
  }
  assertEquals(found.length, 300);
});

Deno.test("frames says where a stream is damaged and ends with 4", async () => {
  const good = framed(encode("tea"), encode("milk"));
  const cases: readonly [bytes: Uint8Array, text: string][] = [
    [concat([good, encode("\xff\xff\xff\xff")]), "offset 15, after 2 frames"],
    [
      concat([good, new Uint8Array([0, 0, 0, 9, 1])]),
      "offset 15, after 2 frames",
    ],
    [encode("GET / HTTP/1.1\r\n"), "HTTP request"],
  ];
  for (const [stdin, text] of cases) {
    const { code, stdout, stderr } = await runCli(
      ["frames", "-", "--framing", "u32be", "--max-length", "1k"],
      { stdin },
    );
    assertEquals(code, 4);
    assertStringIncludes(stderr, text);
    assertEquals(stdout.split("\n").length - 1, text.startsWith("o") ? 2 : 0);
  }
});

Deno.test("frames starts at an offset and stops after a count", async () => {
  const bytes = concat([encode("junk"), framed(encode("a"), encode("b"))]);
  const { code, stdout } = await runCli(
    ["frames", "f", "--framing", "u32be", "--at", "4", "--count", "1"],
    { files: { f: bytes } },
  );
  assertEquals(code, 0);
  assertEquals(JSON.parse(stdout).offset, 4);
});

Deno.test("frames prints payloads as they are with --format raw", async () => {
  const { bytes } = await runCli(
    ["frames", "-", "--framing", "delimited:3b", "--format", "raw"],
    { stdin: new Uint8Array([1, 0xff, 0x3b, 2, 0x3b]) },
  );
  assertEquals(bytes, new Uint8Array([1, 0xff, 2]));
});

Deno.test("frames names kind and id of this library's frames", async () => {
  const hello = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);
  const ping = new Uint8Array([3, 0, 0, 0, 0, 0, 0, 9]);
  const { stdout } = await runCli(["frames", "-"], {
    stdin: framed(hello, ping),
    isTTY: true,
  });
  assertStringIncludes(stdout, "HELLO id 0");
  assertStringIncludes(stdout, "PING id 9");
});

Deno.test("frames shows no control characters on a terminal", async () => {
  const { stdout } = await runCli(["frames", "-", "--framing", "u32be"], {
    stdin: framed(encode("\x1b]0;x\x07")),
    isTTY: true,
  });
  assert(!stdout.includes("\x1b"));
});

Deno.test("--format json makes one document of all frames", async () => {
  for (const count of [0, 1, 3]) {
    const { stdout } = await runCli(
      ["frames", "-", "--framing", "lines", "--format", "json"],
      { stdin: "x\n".repeat(count) },
    );
    assertEquals(JSON.parse(stdout).length, count);
  }
});

Deno.test("--format json makes one document of a capture", async () => {
  const { client } = await withSessionBytes();
  const { files } = await runCli(
    ["frames", "client.bin", "--pcapng", "out.pcapng"],
    { files: { "client.bin": client } },
  );
  const all = await listed(files, "out.pcapng");
  const { stdout } = await runCli(
    ["frames", "out.pcapng", "--format", "json"],
    { files },
  );
  assertEquals(JSON.parse(stdout), all);
});

Deno.test("framingOf() knows every framing in the help", () => {
  for (const name of FRAMING_NAMES) {
    const text = name.replace(":N", ":4").replace(":HEX", ":0d0a")
      .replace(":OPTIONS", ":offset=1,keepHeader=false");
    const framing = framingOf(text, 1000);
    const most = framingOf(text).maxFrameLength;
    assert(most > 0 && most <= 4 * 1024 * 1024, text);
    assertEquals(typeof framing.decoder().next, "function", name);
  }
});

Deno.test("frames sets the options of a layout", async () => {
  const rules: readonly [rule: string, hex: string, wanted: string[]][] = [
    [
      "lengthPrefixed:width=2,offset=1,endian=little,counts=wholeFrame",
      "07050061620704006107030007",
      ["6162", "61"],
    ],
    ["lengthPrefixed:magic=aabb,offset=2,width=1", "aabb0163", ["63"]],
    ["lengthPrefixed", "0000000163", ["63"]],
    ["varintPrefixed:offset=1,maxPrefixLength=4", "30026869", ["306869"]],
    ["lines:newline=crlf,keepDelimiter", "610a620d0a", ["610a620d0a"]],
  ];
  for (const [rule, hex, wanted] of rules) {
    const { stdout } = await runCli(["frames", "-", "--framing", rule], {
      stdin: Uint8Array.fromHex(hex),
    });
    const found = stdout.split("\n").slice(0, wanted.length);
    assertEquals(found.map((line) => JSON.parse(line).preview), wanted, rule);
  }
});

Deno.test("frames rejects options that a layout does not have", async () => {
  const rules: readonly [rule: string, text: string][] = [
    ["lengthPrefixed:with=2", 'did you mean "width"'],
    ["lengthPrefixed:width=9", "1 to 8"],
    ["lengthPrefixed:width=x", 'Cannot use "x" as width'],
    ["lengthPrefixed:keepHeader=yes", 'Cannot use "yes" as keepHeader'],
    ["lengthPrefixed:counts=all", "wholeFrame"],
    ["lengthPrefixed:magic=4", "hexadecimal"],
    ["lines:maxFrameLength=4", "use --max-length"],
    ["u32be:width=2", "Unknown framing"],
  ];
  for (const [rule, text] of rules) {
    const { code, stderr } = await runCli(["frames", "-", "--framing", rule]);
    assertEquals(code, 2, rule);
    assertStringIncludes(stderr, text);
  }
});

Deno.test("frames says that a file contains network packets", async () => {
  const stdin = Uint8Array.fromHex("d4c3b2a1020004000000000000000000");
  const { code, stderr } = await runCli(["frames", "-"], { stdin });
  assertEquals(code, 4);
  assertStringIncludes(stderr, "network packets");
  assertStringIncludes(stderr, "tshark");
});

/** Runs `frames` on a file and returns its lines of JSON. */
async function listed(
  files: Record<string, Uint8Array>,
  ...args: string[]
): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await runCli(["frames", ...args], { files });
  assertEquals(code, 0, stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("frames --pcapng writes frames that frames reads, with the names of methods", async () => {
  const { client } = await withSessionBytes();
  const { code, files } = await runCli(
    ["frames", "client.bin", "--pcapng", "out.pcapng"],
    { files: { "client.bin": client } },
  );
  assertEquals(code, 0);
  const raw = await listed({ "client.bin": client }, "client.bin");
  const copied = await listed(files, "out.pcapng");
  assertEquals(
    copied.map(({ kind, id }) => [kind, id]),
    raw.map(({ kind, id }) => [kind, id]),
  );
  const [name] = [...readPcapng(files["out.pcapng"]!)];
  assertEquals(name, { interface: "client.bin" });
});

Deno.test("frames --call shows one call, and copies it with HELLO", async () => {
  const { client } = await withSessionBytes();
  const given = { "client.bin": client };
  const all = await listed(given, "client.bin");
  const { id } = all.find(({ kind }) => kind === "REQUEST")!;
  const call = ["--call", String(id)];
  const wanted = all.filter((frame) => frame.id === id).map(({ kind }) => kind);
  const raw = await listed(given, "client.bin", ...call);
  assertEquals(raw.map(({ kind }) => kind), wanted);
  const { files: whole } = await runCli(
    ["frames", "client.bin", "--pcapng", "whole.pcapng"],
    { files: given },
  );
  const { files } = await runCli(
    ["frames", "whole.pcapng", ...call, "--pcapng", "one.pcapng"],
    { files: whole },
  );
  const one = await listed(files, "one.pcapng");
  assertEquals(one.map(({ kind }) => kind), ["HELLO", ...wanted]);
  const shown = await listed(files, "one.pcapng", ...call);
  assertEquals(shown.map(({ kind }) => kind), wanted);
});

Deno.test("frames --pcapng writes no credentials", async () => {
  const secret = encode("a-secret-of-the-client");
  const auth = frameOf(Kind.AUTH, 0, [...secret]);
  const { files } = await runCli(["frames", "-", "--pcapng", "out.pcapng"], {
    stdin: framed(auth),
  });
  const text = new TextDecoder("latin1").decode(files["out.pcapng"]!);
  assert(!text.includes("a-secret"));
  const [, entry] = [...readPcapng(files["out.pcapng"]!)];
  assert(entry !== undefined && "packet" in entry);
  assertEquals(entry.packet.size, auth.length + 4);
});

Deno.test("frames --pcapng and --call are for frames of this library", async () => {
  for (const flag of ["--pcapng", "--call"]) {
    const { code, stderr } = await runCli(
      ["frames", "-", "--framing", "lines", flag, "7"],
      { stdin: "a\n" },
    );
    assertEquals(code, 2);
    assertStringIncludes(stderr, "frames of this library");
  }
});
