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
