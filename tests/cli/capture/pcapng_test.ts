import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { CliError } from "../../../lib/cli/errors.ts";
import {
  type Entry,
  interfaceBlock,
  isPcapng,
  type Packet,
  packetBlock,
  readPcapng,
  sectionHeader,
} from "../../../lib/cli/capture/pcapng.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const PACKETS: readonly Packet[] = [
  {
    interface: 0,
    dir: "in",
    time: 1_769_817_600_123.456,
    bytes: new Uint8Array([1, 2, 3]),
    size: 3,
    comment: "client, protocol shop",
  },
  {
    interface: 1,
    dir: "out",
    time: 1_769_817_600_124,
    bytes: new Uint8Array([4, 5, 6, 7]),
    size: 4000,
  },
];

const FILE = concat([
  sectionHeader("lengthwise/1"),
  interfaceBlock("1 tcp://127.0.0.1:5000"),
  interfaceBlock("2"),
  ...PACKETS.map(packetBlock),
]);

Deno.test("readPcapng() reads what the blocks were made from", none, () => {
  assertEquals(isPcapng(FILE), true);
  assertEquals<Entry[]>([...readPcapng(FILE)], [
    { interface: "1 tcp://127.0.0.1:5000" },
    { interface: "2" },
    ...PACKETS.map((packet) => ({ packet })),
  ]);
});

Deno.test(
  "readPcapng() reads the other byte order and nanoseconds",
  none,
  () => {
    const bytes = (...parts: (number | number[])[]) =>
      new Uint8Array(
        parts.flatMap((part) =>
          typeof part === "number"
            ? [part >>> 24, part >>> 16 & 255, part >>> 8 & 255, part & 255]
            : part
        ),
      );
    const file = bytes(
      ...[0x0a0d0d0a, 28, 0x1a2b3c4d, [0, 1, 0, 0], -1, -1, 28],
      ...[1, 32, [0, 147, 0, 0], 0, [0, 9, 0, 1], [9, 0, 0, 0], 0, 32],
      ...[6, 36, 0, 1, 0, 1, 8, [42, 0, 0, 0], 36],
    );
    const [, entry] = [...readPcapng(file)];
    assertEquals(entry, {
      packet: {
        interface: 0,
        dir: "in",
        time: 2 ** 32 / 1e6,
        bytes: new Uint8Array([42]),
        size: 8,
      },
    });
  },
);

Deno.test(
  "readPcapng() reports damage at every length and in every field",
  none,
  () => {
    for (let length = 1; length < FILE.length; length++) {
      try {
        [...readPcapng(FILE.slice(0, length))];
      } catch (error) {
        assertEquals(error instanceof CliError && error.code, "no");
      }
    }
    for (let at = 4; at < FILE.length; at++) {
      const damaged = FILE.slice();
      damaged[at] = 0xff;
      try {
        [...readPcapng(damaged)];
      } catch (error) {
        assertEquals(error instanceof CliError && error.code, "no", `${at}`);
      }
    }
    const ethernet = FILE.slice();
    const at = sectionHeader("lengthwise/1").length + 8;
    ethernet[at] = 1;
    assertThrows(() => [...readPcapng(ethernet)], CliError, "link type is 1");
  },
);

/** Bytes of a block, in little-endian order. */
function block(type: number, body: readonly number[]): Uint8Array {
  const all = new Uint8Array(body.length + 12);
  const view = new DataView(all.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, all.length, true);
  all.set(body, 8);
  view.setUint32(all.length - 4, all.length, true);
  return all;
}

/** Bytes of numbers of four bytes, in little-endian order. */
const words = (...numbers: number[]) => [
  ...new Uint8Array(new Uint32Array(numbers).buffer),
];

const SECTION = sectionHeader("x");

Deno.test("readPcapng() reads blocks of the smallest sizes", none, () => {
  const file = concat([
    SECTION,
    block(99, []), // of an unknown type
    block(1, [147, 0, 0, 0, 0, 0, 0, 0]),
    block(6, words(0, 0, 5000, 0, 7)),
    block(6, [...words(0, 0, 5000, 4, 7), 1, 2, 3, 4]),
  ]);
  const packet = { interface: 0, dir: "in", time: 5, size: 7 } as const;
  assertEquals<Entry[]>([...readPcapng(file)], [
    { interface: "" },
    { packet: { ...packet, bytes: new Uint8Array() } },
    { packet: { ...packet, bytes: new Uint8Array([1, 2, 3, 4]) } },
  ]);
});

Deno.test(
  "readPcapng() rejects blocks one step beyond their bounds",
  none,
  () => {
    const connection = block(1, [147, 0, 0, 0, 0, 0, 0, 0]);
    const cases: readonly [part: Uint8Array, why: string][] = [
      [new Uint8Array(11), "a block is truncated"],
      [block(99, []).subarray(0, 11), "a block is truncated"],
      [new Uint8Array(words(99, 8, 8)), "a block has the length 8"],
      [new Uint8Array([...words(99, 14), 0, 0, 0, 0, 0, 0]), "the length 14"],
      [new Uint8Array(words(99, 64 * 2 ** 20, 0)), "a block is truncated"],
      [
        new Uint8Array(words(99, 64 * 2 ** 20 + 4, 0)),
        "has the length 67108868",
      ],
      [block(1, [147, 0, 0, 0]), "an interface is truncated"],
      [block(6, words(0, 0, 0, 0)), "a packet is truncated"],
      [block(6, words(1, 0, 0, 0, 0)), "a packet is not valid"],
      [block(6, words(0, 0, 0, 1, 1)), "a packet is not valid"],
      [block(6, words(0, 0, 0, 5, 1, 0)), "a packet is not valid"],
    ];
    const before = concat([SECTION, connection]);
    for (const [part, why] of cases) {
      const error = assertThrows(
        () => [...readPcapng(concat([before, part]))],
        CliError,
        why,
      );
      assertEquals(
        error.message.startsWith(`Damaged at offset ${before.length}: `),
        true,
      );
    }
  },
);

Deno.test("readPcapng() reads times in any units", none, () => {
  const units: readonly [resolution: number[], ms: number][] = [
    [[], 3],
    [[9, 0, 1, 0, 6, 0, 0, 0], 3],
    [[9, 0, 1, 0, 3, 0, 0, 0], 3000],
    [[9, 0, 1, 0, 0x8a, 0, 0, 0], 3000 / 1.024],
    [[9, 0, 0, 0], 3], // without a value
    [[9, 0, 9, 0, 3, 0, 0, 0], 3], // beyond the block
    [[0, 0, 0, 0, 9, 0, 1, 0, 3, 0, 0, 0], 3], // after the end of the options
  ];
  for (const [options, ms] of units) {
    const file = concat([
      SECTION,
      block(1, [147, 0, 0, 0, 0, 0, 0, 0, ...options]),
      block(6, words(0, 0, 3000, 0, 0)),
    ]);
    const [, entry] = [...readPcapng(file)];
    assertEquals("packet" in entry! && entry.packet.time, ms);
  }
});

Deno.test(
  "readPcapng() reads directions from flags of four bytes",
  none,
  () => {
    const cases: readonly [options: number[], dir: "in" | "out"][] = [
      [[2, 0, 4, 0, 2, 0, 0, 0], "out"],
      [[2, 0, 4, 0, 1, 0, 0, 0], "in"],
      [[2, 0, 4, 0, 6, 0, 0, 0], "out"], // with another bit
      [[2, 0, 2, 0, 2, 0, 0, 0], "in"],
      [[2, 0, 8, 0, 2, 0, 0, 0, 0, 0, 0, 0], "in"],
    ];
    for (const [options, dir] of cases) {
      const file = concat([
        SECTION,
        interfaceBlock("a"),
        block(6, [...words(0, 0, 0, 0, 0), ...options]),
      ]);
      const [, entry] = [...readPcapng(file)];
      assertEquals("packet" in entry! && entry.packet.dir, dir, `${options}`);
    }
  },
);

Deno.test("readPcapng() numbers the connections of joined files", none, () => {
  const packet = { ...PACKETS[0]!, comment: undefined };
  const file = (name: string) =>
    concat([SECTION, interfaceBlock(name), packetBlock(packet)]);
  const entries = [...readPcapng(concat([file("a"), file("b")]))];
  assertEquals(
    entries.map((entry) =>
      "packet" in entry ? entry.packet.interface : entry.interface
    ),
    ["a", 0, "b", 1],
  );
  const missing = concat([file("a"), SECTION, packetBlock(packet)]);
  assertThrows(() => [...readPcapng(missing)], CliError, "is not valid");
});

Deno.test("packetBlock() cuts a comment that is too long", none, () => {
  const [packet] = PACKETS;
  const comment = "x".repeat(70_000);
  const file = concat([
    SECTION,
    interfaceBlock("a"),
    packetBlock({ ...packet!, comment }),
  ]);
  const [, entry] = [...readPcapng(file)];
  assertEquals("packet" in entry! && entry.packet.comment?.length, 65_535);
  assertEquals(isPcapng(FILE.subarray(0, 4)), true);
  assertEquals(isPcapng(FILE.subarray(0, 3)), false);
});
