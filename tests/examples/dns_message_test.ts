/**
 * Messages of the DNS example: round trips, and input of a hostile peer.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { answer } from "../../examples/dns/answer.ts";
import { DnsFormatError } from "../../examples/dns/errors.ts";
import { EXAMPLE_ZONE } from "../../examples/dns/example_zone.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  Rcode,
} from "../../examples/dns/message.ts";
import type { RecordData } from "../../examples/dns/records.ts";
import { nameToLabels, nameToText } from "../../examples/dns/text.ts";
import { Zone } from "../../examples/dns/zone.ts";

const HEADER = 12;

function pureTest(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A response with one answer. */
function responseWith(type: string, data: RecordData): Message {
  return {
    ...EMPTY,
    answers: [{ name: "example.test.", type, class: 1, ttl: 60, data }],
  };
}

const EMPTY: Message = {
  id: 0xbeef,
  response: true,
  opcode: 0,
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  rcode: 0,
  questions: [{ name: "example.test.", type: "MX", class: 1 }],
  answers: [],
  authorities: [],
  additionals: [],
};

/** A message with one question, whose encoded name is `name`. */
function question(...name: number[]): Uint8Array {
  return Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 1, 0, 1);
}

function ascii(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** An encoded label of `length` bytes. */
function label(length: number): number[] {
  return [length, ...new Array<number>(length).fill(0x61)];
}

pureTest("encodeMessage() follows the layout of RFC 1035, 4.1", () => {
  const wire = encodeMessage(
    responseWith("MX", [10, "mail.example.test."]),
  );
  assertEquals(
    wire.toHex(),
    "beef8500" + // QR AA RD
      "0001000100000000" +
      "076578616d706c65047465737400" + "000f0001" + // example.test. MX IN
      "c00c000f00010000003c" + // a pointer to 12, MX IN 60 s
      "0009000a046d61696cc00c", // 9 bytes: 10, "mail" and a pointer to 12
  );
  assertEquals(wire.length, 12 + 18 + 10 + 2 + 9);
});

pureTest("decodeMessage() reads the names of RFC 1035, 4.1.4", () => {
  const names = [
    [1, ...ascii("F"), 3, ...ascii("ISI"), 4, ...ascii("ARPA"), 0],
    [3, ...ascii("FOO"), 0xc0, HEADER],
    [0xc0, HEADER + 6],
    [0],
  ];
  const ptr = [0, 12, 0, 1];
  const bytes = Uint8Array.from([
    ...[0, 0, 0, 0, 0, names.length, 0, 0, 0, 0, 0, 0],
    ...names.flatMap((name) => [...name, ...ptr]),
  ]);
  const { questions } = decodeMessage(bytes);
  assertEquals(questions.map((asked) => asked.name), [
    "F.ISI.ARPA.",
    "FOO.F.ISI.ARPA.",
    "ARPA.",
    ".",
  ]);
});

pureTest("messages with every record type survive a round trip", () => {
  const records: [string, RecordData][] = [
    ["A", ["192.0.2.1"]],
    ["AAAA", ["2001:db8::1"]],
    ["AAAA", ["::"]],
    ["AAAA", ["1:2:3:4:5:6:7:8"]],
    ["AAAA", ["::ffff:192.0.2.1"]],
    ["NS", ["ns.example.test."]],
    ["CNAME", ["."]],
    ["PTR", ["a\\.b.\\000\\255.test."]],
    ["MX", [65535, "mail.example.test."]],
    ["SOA", ["ns.test.", "me.test.", 4294967295, 0, 1, 2, 3]],
    ["SRV", [0, 1, 2, "mail.example.test."]],
    ["TXT", ["", "a b", '\\"\\\\\\007', "x".repeat(255)]],
    ["TYPE65280", ["\\#", 0, ""]],
    ["TYPE1234", ["\\#", 3, "00ff10"]],
  ];
  for (const [type, data] of records) {
    const message = responseWith(type, data);
    assertEquals(decodeMessage(encodeMessage(message)), message, type);
  }
});

pureTest("names with any bytes survive a round trip", () => {
  const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(labels, (labels) => {
      assertEquals(nameToLabels(nameToText(labels)), labels);
      const name = nameToText(labels);
      const message = { ...EMPTY, questions: [{ name, type: "A", class: 1 }] };
      assertEquals(decodeMessage(encodeMessage(message)), message);
    }),
  );
});

pureTest("encodeMessage() writes no pointer beyond 14 bits", () => {
  const record = { name: "a.test.", type: "TXT", class: 1, ttl: 1 };
  const filler = { ...record, data: Array(70).fill("x".repeat(250)) };
  const far = { ...record, name: "far.away.", data: ["1"] };
  const message = { ...EMPTY, answers: [filler, far, far] };
  assertEquals(decodeMessage(encodeMessage(message)), message);
});

pureTest(
  "encodeMessage() does not compress names in the data of an SRV",
  () => {
    const wire = encodeMessage(responseWith("SRV", [0, 0, 1, "example.test."]));
    assertEquals(wire.toHex().match(/076578616d706c65/g)?.length, 2);
  },
);

for (
  const [what, data] of Object.entries<[string, RecordData]>({
    "an invalid IPv4 address": ["A", ["192.0.2.256"]],
    "an invalid IPv6 address": ["AAAA", ["1::2::3"]],
    "a number that is too large": ["MX", [65536, "a.test."]],
    "a number that is not an integer": ["MX", [1.5, "a.test."]],
    "a label of 64 bytes": ["NS", [`${"x".repeat(64)}.test.`]],
    "an empty label": ["NS", ["a..test."]],
    "a name of 256 bytes": ["NS", [`${"x".repeat(62)}.`.repeat(4) + "xx."]],
    "an invalid escape": ["TXT", ["\\256"]],
    "a backslash at the end": ["TXT", ["a\\"]],
    "a text of 256 bytes": ["TXT", ["x".repeat(256)]],
    "no text": ["TXT", []],
    "too few fields": ["MX", [1]],
    "hex of a different length": ["TYPE9", ["\\#", 2, "00"]],
    "an invalid type": ["TYPE65536", ["\\#", 0, ""]],
  })
) {
  pureTest(`encodeMessage() refuses ${what}`, () => {
    assertThrows(() => encodeMessage(responseWith(...data)), DnsFormatError);
  });
}

pureTest("encodeMessage() refuses more than 65,535 bytes", () => {
  const texts = Array<string>(257).fill("x".repeat(255));
  const message = responseWith("TXT", texts);
  assertThrows(() => encodeMessage(message), DnsFormatError, "65535");
});

for (
  const [what, bytes] of Object.entries({
    "no header": new Uint8Array(11),
    "a missing question": question().subarray(0, HEADER),
    "an unterminated name": question(3, 0x61).subarray(0, HEADER + 2),
    "a truncated label": question(63, 0x61),
    "a label of 64 bytes": question(64, ...label(64), 0),
    "a label of type 2": question(0x80, 0),
    "a pointer to itself": question(0xc0, HEADER),
    "a pointer to the header": question(0xc0, 0),
    "a pointer past the end": question(0xff, 0xff),
    "a pointer forward": question(0xc0, HEADER + 2),
    "a truncated pointer": question(0xc0).subarray(0, HEADER + 1),
    "a loop of a label and a pointer": question(1, 0x61, 0xc0, HEADER),
    "a name of 256 bytes": question(
      ...label(63),
      ...label(63),
      ...label(63),
      ...label(62),
      0,
    ),
    "bytes after the end": question(0, 0),
  })
) {
  pureTest(`decodeMessage() refuses ${what}`, () => {
    assertThrows(() => decodeMessage(bytes), DnsFormatError);
  });
}

pureTest("decodeMessage() accepts labels of 63 bytes and names of 255", () => {
  const name = [...label(63), ...label(63), ...label(63), ...label(61), 0];
  assertEquals(name.length, 255);
  const [asked] = decodeMessage(question(...name)).questions;
  assertEquals(asked?.name.length, 254);
});

pureTest(
  "decodeMessage() refuses data whose length is wrong",
  () => {
    const wire = encodeMessage(responseWith("A", ["192.0.2.1"]));
    const at = wire.length - 5; // the lower byte of the data's length
    for (const length of [0, 3, 5, 255]) {
      const wrong = wire.slice();
      wrong[at] = length;
      assertThrows(() => decodeMessage(wrong), DnsFormatError);
    }
  },
);

pureTest("decodeMessage() follows a bounded number of pointers", () => {
  // Name 0, followed by names that each point to the previous one.
  const chain = (pointers: number) => {
    const bytes = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[4] = (pointers + 1) >> 8;
    bytes[5] = (pointers + 1) & 0xff;
    bytes.push(0, 0, 1, 0, 1);
    for (let i = 0; i < pointers; i++) {
      const before = i === 0 ? HEADER : HEADER + 5 + 6 * (i - 1);
      bytes.push(0xc0 | before >> 8, before & 0xff, 0, 1, 0, 1);
    }
    return Uint8Array.from(bytes);
  };
  assertEquals(decodeMessage(chain(127)).questions.length, 128);
  assertThrows(
    () => decodeMessage(chain(128)),
    DnsFormatError,
    "more than 127 pointers",
  );
});

pureTest("decodeMessage() refuses counts of records that are not there", () => {
  const bytes = new Uint8Array(HEADER).fill(0xff);
  assertThrows(() => decodeMessage(bytes), DnsFormatError);
});

pureTest(
  "decodeMessage() reads a TTL with the highest bit as 0",
  () => {
    const wire = encodeMessage(responseWith("A", ["192.0.2.1"]));
    wire[wire.length - 10] = 0x80;
    assertEquals(decodeMessage(wire).answers[0]?.ttl, 0);
  },
);

pureTest(
  "decodeMessage() returns or throws DnsFormatError for any bytes",
  () => {
    const zone = new Zone(EXAMPLE_ZONE);
    let read = 0;
    fc.assert(
      fc.property(damagedMessages(), (bytes) => {
        const message = readable(bytes);
        if (message !== undefined) {
          read++;
          // A decoded message can be encoded and decodes to the same message.
          assertEquals(decodeMessage(encodeMessage(message)), message);
        }
        // The responder answers everything except responses.
        const isQuery = (bytes[2] ?? 0) < 0x80;
        assertEquals(answer(zone, bytes) !== undefined, isQuery);
      }),
      { numRuns: 2000 },
    );
    assert(read > 200, `${read} messages were decoded`);
  },
);

/** Messages with changed bytes or truncated, and random bytes. */
function damagedMessages(): fc.Arbitrary<Uint8Array> {
  const valid = EXAMPLE_ZONE.map((record) =>
    encodeMessage({ ...EMPTY, answers: [record], authorities: [record] })
  );
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  const damaged = fc.record({
    wire: fc.constantFrom(...valid),
    changes: fc.array(change, { maxLength: 4 }),
    cut: fc.option(fc.nat(), { nil: 0, freq: 1 }),
  }).map(({ wire, changes, cut }) => {
    const bytes = wire.slice(0, wire.length - cut % (wire.length - HEADER + 1));
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes;
  });
  return fc.oneof(
    damaged,
    fc.uint8Array({ minLength: HEADER, maxLength: 200 }),
  );
}

/** Decodes a message, or returns `undefined` after the documented error. */
function readable(bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    assert(error instanceof DnsFormatError, Deno.inspect(error));
    return undefined;
  }
}

pureTest("answer() returns FORMERR, and nothing for a response", () => {
  const zone = new Zone(EXAMPLE_ZONE);
  const response = answer(zone, question(0xc0, HEADER));
  assertEquals(decodeMessage(response!).rcode, Rcode.FORMERR);
  assertEquals(decodeMessage(response!).id, 1);
  assertEquals(answer(zone, encodeMessage(EMPTY)), undefined);
});

pureTest(
  "answer() returns SERVFAIL if the response is too long",
  () => {
    const text = { name: "example.test.", type: "TXT", ttl: 1 };
    const zone = new Zone([
      ...EXAMPLE_ZONE,
      ...Array.from({ length: 300 }, (_, i) => ({
        ...text,
        data: [`${i} ${"x".repeat(240)}`],
      })),
    ]);
    const query = { ...EMPTY, response: false };
    query.questions = [{ name: "example.test.", type: "TXT", class: 1 }];
    const response = decodeMessage(answer(zone, encodeMessage(query))!);
    assertEquals([response.rcode, response.answers], [Rcode.SERVFAIL, []]);
  },
);

for (
  const [what, name, type, data] of [
    ["a name outside the zone", "example.org.", "A", ["192.0.2.1"]],
    ["a second SOA", "example.test.", "SOA", EXAMPLE_ZONE[0]!.data],
    ["a delegation", "sub.example.test.", "NS", ["ns.example.test."]],
    ["another record beside an alias", "www.example.test.", "A", ["192.0.2.1"]],
    ["invalid data", "a.example.test.", "A", ["192.0.2"]],
  ] as const // keeps the rows tuples
) {
  pureTest(`Zone refuses ${what}`, () => {
    const record = { name, type, ttl: 1, data };
    assertThrows(() => new Zone([...EXAMPLE_ZONE, record]), DnsFormatError);
  });
}

pureTest("Zone follows a cycle of aliases once", () => {
  const alias = (name: string, to: string) => ({
    name: `${name}.example.test.`,
    type: "CNAME",
    ttl: 1,
    data: [`${to}.example.test.`],
  });
  const zone = new Zone([...EXAMPLE_ZONE, alias("a", "b"), alias("b", "a")]);
  const { rcode, answers } = zone.lookup("A.example.test", "TXT");
  assertEquals([rcode, answers.length], [Rcode.NOERROR, 2]);
});
