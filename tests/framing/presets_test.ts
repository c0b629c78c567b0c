import { assertEquals, assertThrows } from "@std/assert";
import * as framing from "@lengthwise/lengthwise/framing";
import * as presets from "@lengthwise/lengthwise/framing/presets";
import { FrameError, type Framing } from "@lengthwise/lengthwise/framing";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const MIB = 1024 * 1024;

/** Preset, argument of `encode`, encoded frame, default limit. */
const PRESETS: [name: string, Framing, given: string, wire: string, number][] =
  [
    ["u16be", framing.u16be(), "6162", "00026162", 65_535],
    ["u16le", framing.u16le(), "6162", "02006162", 65_535],
    ["u24be", framing.u24be(), "6162", "0000026162", 4 * MIB],
    ["u24le", framing.u24le(), "6162", "0200006162", 4 * MIB],
    ["u32be", framing.u32be(), "6162", "000000026162", 4 * MIB],
    ["u32le", framing.u32le(), "6162", "020000006162", 4 * MIB],
    ["u64be", framing.u64be(), "6162", "00000000000000026162", 4 * MIB],
    ["u64le", framing.u64le(), "6162", "02000000000000006162", 4 * MIB],
    ["varint", framing.varint(), "6162", "026162", 4 * MIB],
    [
      "grpcMessage",
      presets.grpcMessage(),
      "01ffffffff61",
      "010000000161",
      4 * MIB + 5,
    ],
    [
      "postgresStartup",
      presets.postgresStartup(),
      "04d2162f",
      "0000000804d2162f",
      10_000,
    ],
    [
      "postgres",
      presets.postgres(),
      "51ffffffff3b00",
      "51000000063b00",
      4 * MIB,
    ],
    ["mysql", presets.mysql(), "000e", "010000000e", 16 * MIB + 1],
    ["mqtt", presets.mqtt(), "306162", "30026162", 4 * MIB],
    [
      "dnsTcp",
      presets.dnsTcp(),
      "000102030405060708090a0b",
      "000c000102030405060708090a0b",
      65_535,
    ],
    [
      "mongodb",
      presets.mongodb(),
      "ffffffff" + "00".repeat(12) + "61",
      "11000000" + "00".repeat(12) + "61",
      48_000_000,
    ],
    ["amqp", presets.amqp(), "010001ffffffff61", "0100010000000161ce", 4 * MIB],
    ["javaWriteUTF", presets.javaWriteUTF(), "c080", "0002c080", 65_535],
    ["sshAgent", presets.sshAgent(), "0b", "000000010b", 256 * 1024],
    [
      "lsp",
      presets.lsp(),
      "7b7d",
      "436f6e74656e742d4c656e6774683a20320d0a0d0a7b7d",
      4 * MIB,
    ],
    ["netstring", framing.netstring(), "6162", "323a61622c", 4 * MIB],
    ["lines", framing.lines(), "6162", "61620a", 4 * MIB],
  ];

for (const [name, preset, given, wire, limit] of PRESETS) {
  test(`${name}() encodes frames as its protocol does, up to ${limit} bytes`, () => {
    const frame = preset.encoder().encode(Uint8Array.fromHex(given));
    assertEquals(frame.toHex(), wire);
    const decoder = preset.decoder();
    decoder.push(frame);
    const again = preset.encoder().encode(decoder.next()!);
    assertEquals(again.toHex(), wire);
    decoder.end();
    assertEquals(preset.maxFrameLength, limit);
  });
}

/** Frames that a protocol does not allow. */
const REFUSED: [name: string, Framing, wire: string, code: string][] = [
  ["postgres", presets.postgres(), "5100000003", "bad-length"],
  ["postgresStartup", presets.postgresStartup(), "00000004", "too-short"],
  ["postgresStartup", presets.postgresStartup(), "00002715", "too-large"],
  ["mongodb", presets.mongodb(), "0f000000", "too-short"],
  ["mqtt", presets.mqtt(), "10ffffffff", "bad-prefix"],
  ["dnsTcp", presets.dnsTcp(), "000b", "too-short"],
  ["sshAgent", presets.sshAgent(), "00000000", "too-short"],
  ["sshAgent", presets.sshAgent(), "00040001", "too-large"],
  ["amqp", presets.amqp(), "0800000000000000", "bad-terminator"],
];

for (const [name, preset, wire, code] of REFUSED) {
  test(`${name}() rejects ${wire} as ${code}`, () => {
    const decoder = preset.decoder();
    decoder.push(Uint8Array.fromHex(wire));
    assertEquals(assertThrows(() => decoder.next(), FrameError).code, code);
  });
}

test("mongodb() rejects limits above 2^31-1, as its length is signed", () => {
  const most = 2 ** 31 - 1;
  const made = presets.mongodb({ maxFrameLength: most });
  assertEquals(made.maxFrameLength, most);
  assertThrows(
    () => presets.mongodb({ maxFrameLength: most + 1 }),
    RangeError,
  );
  for (const half of [made.decoder(), made.encoder()]) {
    assertThrows(() => half.maxFrameLength = most + 1, RangeError);
  }
});

test("mysql() joins packets, ends a full one with an empty one, and numbers packets", () => {
  const full = 0xffffff;
  const mysql = presets.mysql({ maxFrameLength: full + 100 });
  const message = new Uint8Array(1 + full).fill(7);
  message[0] = 254;
  const wire = mysql.encoder().encode(message);
  assertEquals(wire.length, 4 + full + 4);
  assertEquals(wire.subarray(0, 4).toHex(), "fffffffe");
  assertEquals(wire.subarray(-4).toHex(), "000000ff");
  const decoder = mysql.decoder();
  decoder.push(wire);
  const got = decoder.next()!;
  assertEquals(got.length, message.length);
  assertEquals([got[0], got[1], got.at(-1)], [254, 7, 7]);
  decoder.push(wire.subarray(0, -1));
  assertEquals(decoder.next(), undefined);
  decoder.push(new Uint8Array([3]));
  assertEquals(
    assertThrows(() => decoder.next(), FrameError).code,
    "bad-header",
  );
});

test("mysql() skips a message over the limit, in one packet or in several", () => {
  const skipping = presets.mysql({ maxFrameLength: 10, onTooLarge: "skip" });
  const sender = presets.mysql({ maxFrameLength: 0xffffff + 100 }).encoder();
  const decoder = skipping.decoder();
  for (const length of [12, 0xffffff + 9]) {
    decoder.push(sender.encode(new Uint8Array(length)));
    decoder.push(sender.encode(new Uint8Array([0, 1])));
    assertEquals(decoder.next()?.toHex(), "0001");
    assertEquals(decoder.next(), undefined);
  }
  assertEquals(decoder.skipped, 2);
});

test("presets that remove the length keep it with keepHeader", () => {
  const options = { keepHeader: true };
  const kept: [Framing, wire: string, short: string, limit: number][] = [
    [
      presets.postgresStartup(options),
      "0000000804d2162f",
      "00000007000000",
      10_004,
    ],
    [presets.mqtt(options), "30026162", "", 4 * MIB],
    [
      presets.dnsTcp(options),
      "000c000102030405060708090a0b",
      "000b" + "00".repeat(11),
      65_537,
    ],
    [presets.javaWriteUTF(options), "0002c080", "", 65_537],
    [presets.sshAgent(options), "000000010b", "00000000", 256 * 1024 + 4],
  ];
  for (const [preset, wire, short, limit] of kept) {
    assertEquals(preset.maxFrameLength, limit);
    const frame = Uint8Array.fromHex(wire);
    assertEquals(preset.encoder().encode(frame), frame);
    const decoder = preset.decoder();
    decoder.push(Uint8Array.fromHex(wire + wire));
    assertEquals([decoder.next(), decoder.next()], [frame, frame]);
    if (short === "") continue;
    // The shortest message is the same as without the header.
    decoder.push(Uint8Array.fromHex(short));
    const { code } = assertThrows(() => decoder.next(), FrameError);
    assertEquals(code, "too-short");
  }
  // @ts-expect-error -- a message of several packets has several headers
  assertThrows(() => presets.mysql(options), TypeError, "keepHeader");
});
