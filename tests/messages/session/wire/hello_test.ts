import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { AGENT } from "../../../../lib/messages/session/wire/agent.ts";
import config from "../../../../deno.json" with { type: "json" };
import {
  decodeHello,
  encodeHello,
  type Hello,
  helloVersion,
} from "../../../../lib/messages/session/wire/hello.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import { Feature } from "../../../../lib/messages/session/wire/features.ts";
import { putU32 } from "../../../../lib/messages/session/wire/frame_header.ts";

const pure = { permissions: "none" } as const;

const HELLO: Hello = {
  role: "server",
  features: 1,
  maxFrameBody: 16384,
  maxMessage: 65536,
  maxCalls: 32,
  streamWindow: 1024,
  connectionWindow: 65536,
  notifyWindow: 16384,
  itemsWindow: 65536,
  maxAssembly: 65536,
  heartbeat: 4,
  protocolHash: 0xffffffff,
  protocol: "é",
  agent: "x/1",
  codecs: ["bytes", "json"],
  methods: [
    { name: "a.b", shape: "unary", hash: 3 },
    { name: "c", shape: "duplex", hash: 0 },
  ],
  mismatches: [{ method: 1, reason: "shape" }],
  auth: undefined,
  spread: 1500,
};
const CLIENT: Hello = {
  ...HELLO,
  role: "client",
  mismatches: [],
  auth: Uint8Array.of(1, 2),
  spread: undefined,
};

const ID = "0123456789abcdef".repeat(2);

Deno.test(
  "decodeHello() keeps valid ids and locations, and skips others",
  pure,
  () => {
    const resume = Feature.RESUME;
    const named: Hello = {
      ...HELLO,
      ...{ features: resume, session: ID, instance: ID, location: "tcp://a:1" },
    };
    const identity = (hello: Hello, features: number = resume) => {
      const decoded = decodeHello(encodeHello(hello), 2, features);
      return [decoded.session, decoded.instance, decoded.location];
    };
    assertEquals(identity(named), [ID, ID, "tcp://a:1"]);
    assertEquals(identity(named, 0), [ID, ID, undefined]); // nothing is resumed
    const client: Hello = { ...named, role: "client", mismatches: [] };
    assertEquals(identity(client), [undefined, undefined, undefined]);
    const long: Hello = {
      ...named,
      ...{ session: ID + "00", instance: "00", location: "x".repeat(256) },
    };
    assertEquals(identity(long), [undefined, undefined, undefined]);
    assertEquals(identity({ ...named, location: "" })[2], undefined);
    const most = "x".repeat(255);
    assertEquals(identity({ ...named, location: most })[2], most);
  },
);

Deno.test(
  "decodeHello() keeps from a client that it is secondary",
  pure,
  () => {
    const secondary = (hello: Hello) =>
      decodeHello(encodeHello({ ...hello, secondary: true }), 2).secondary;
    assertEquals(secondary(CLIENT), true);
    assertEquals(secondary(HELLO), undefined);
  },
);

Deno.test("encodeHello() and decodeHello() preserve everything", pure, () => {
  assertEquals(decodeHello(encodeHello(HELLO), 2), HELLO);
  assertEquals(decodeHello(encodeHello(CLIENT), 2), CLIENT);
  const bare: Hello = {
    ...HELLO,
    methods: [],
    mismatches: [],
    auth: undefined,
    spread: undefined,
  };
  assertEquals(decodeHello(encodeHello(bare), 2), bare);
});

Deno.test(
  "decodeHello() rejects truncation except between entries",
  pure,
  () => {
    const bytes = encodeHello({
      ...HELLO,
      mismatches: [],
      auth: undefined,
    });
    let whole = 0;
    for (let end = 0; end < bytes.length; end++) {
      try {
        decodeHello(bytes.subarray(0, end), 2);
        whole++;
      } catch (error) {
        assertEquals(error instanceof MalformedError, true, String(error));
      }
    }
    assertEquals(whole, 5); // before each of the five entries
  },
);

Deno.test("decodeHello() skips entries of later versions", pure, () => {
  const bytes = encodeHello(HELLO);
  const longer = Uint8Array.from([...bytes, 0x1f, 0, 0, 0x7f, 0, 2, 9, 9]);
  assertEquals(decodeHello(longer, 2), HELLO);
});

Deno.test(
  "decodeHello() rejects limits that are too low to be useful or too high to be granted",
  pure,
  () => {
    for (const at of [12, 16, 20, 24, 28, 40, 44, 48]) {
      for (const value of [0, 2 ** 31]) {
        const bytes = encodeHello(HELLO);
        putU32(bytes, at, value);
        assertThrows(
          () => decodeHello(bytes, 2),
          MalformedError,
          String(value),
        );
      }
    }
  },
);

Deno.test(
  "decodeHello() rejects a third role, unknown shapes and too many methods",
  pure,
  () => {
    const bytes = encodeHello(HELLO);
    bytes[6] = 2;
    assertThrows(() => decodeHello(bytes, 2), MalformedError, "role 2");
    assertThrows(
      () => decodeHello(encodeHello(HELLO), 1),
      MalformedError,
      "more than 1",
    );
    const shape = encodeHello({ ...HELLO, methods: [HELLO.methods[0]!] });
    const method = 52 + 3 + 2 + 3 + 10 + 3;
    const name = shape[method + 5]!; // its length
    for (const longer of [name + 1, 255]) {
      shape[method + 5] = longer;
      assertThrows(() => decodeHello(shape, 2), MalformedError, "truncated");
    }
    shape[method + 5] = name;
    shape[method] = 9;
    assertThrows(() => decodeHello(shape, 2), MalformedError, "shape");
  },
);

Deno.test(
  "helloVersion() checks the magic and reads the version of any HELLO",
  pure,
  () => {
    assertEquals(helloVersion(encodeHello(HELLO)), { major: 1, minor: 0 });
    const http = new TextEncoder().encode("GET / HTTP/1.1");
    assertThrows(() => helloVersion(http), MalformedError, "another protocol");
  },
);

Deno.test(
  "encodeHello() rejects an entry of more than 65,535 bytes",
  pure,
  () => {
    const auth = new Uint8Array(65_536);
    assertThrows(
      () => encodeHello({ ...HELLO, auth }),
      RangeError,
      "it holds at most 65535 bytes; use smaller credentials",
    );
    const name = "x".repeat(250);
    const methods = Array(300).fill({ name, shape: "unary", hash: 0 });
    assertThrows(
      () => encodeHello({ ...HELLO, methods }),
      RangeError,
      "it holds at most 65535 bytes; use fewer or shorter method names",
    );
  },
);

Deno.test(
  "decodeHello() ignores entries that the sender's role does not send",
  pure,
  () => {
    const { mismatches } = HELLO;
    assertEquals(
      decodeHello(encodeHello({ ...CLIENT, mismatches }), 2),
      CLIENT,
    );
    const { auth } = CLIENT;
    assertEquals(decodeHello(encodeHello({ ...HELLO, auth }), 2), HELLO);
  },
);

Deno.test(
  "decodeHello() shares what a side expects, and only that",
  pure,
  () => {
    const expected = {
      protocol: HELLO.protocol,
      codecs: [...HELLO.codecs],
      methods: HELLO.methods.map((method) => ({ ...method })),
    };
    const same = decodeHello(encodeHello(HELLO), 2, 0, expected);
    assertEquals(same, HELLO);
    assertStrictEquals(same.methods, expected.methods);
    assertStrictEquals(same.codecs, expected.codecs);
    const [first, second] = HELLO.methods;
    for (
      const methods of [
        [first!],
        [second!, first!],
        [first!, { ...second!, hash: 1 }],
        [first!, { ...second!, shape: "unary" as const }],
      ]
    ) {
      const other = { ...HELLO, methods, codecs: ["json"], mismatches: [] };
      const decoded = decodeHello(encodeHello(other), 2, 0, expected);
      assertEquals(decoded, other);
    }
    assertThrows(
      () => decodeHello(encodeHello(HELLO), 1, 0, expected),
      MalformedError,
      "more than 1 methods",
    );
  },
);

Deno.test("decodeHello() rejects more mismatches than methods", pure, () => {
  const mismatches = Array.from(
    { length: 3 },
    () => ({ method: 0, reason: "missing" }) as const,
  );
  assertThrows(
    () => decodeHello(encodeHello({ ...HELLO, mismatches }), 2),
    MalformedError,
    "more than 2 mismatches",
  );
});

Deno.test("AGENT has the version of deno.json", pure, () => {
  assertEquals(AGENT, `lengthwise/${config.version}`);
});

Deno.test(
  "a SPREAD of another length counts as absent, also one of a client",
  pure,
  () => {
    const bare = { ...HELLO, spread: undefined };
    for (const entry of [[], [1], [0, 0, 0, 5, 0]]) {
      const bytes = [...encodeHello(bare), 0x0e, 0, entry.length, ...entry];
      assertEquals(decodeHello(Uint8Array.from(bytes), 2), bare);
    }
    const sent = [...encodeHello(CLIENT), 0x0e, 0, 4, 0, 0, 0, 5];
    assertEquals(decodeHello(Uint8Array.from(sent), 2), CLIENT);
  },
);
