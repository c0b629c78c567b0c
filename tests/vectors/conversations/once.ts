/** Conversations with calls that run at most once. */
import {
  error,
  field,
  helloBody,
  int,
  named,
  request,
  result,
  str,
  uint,
  utf8,
} from "./bytes.ts";
import { ADD, CLIENT, type Conversation, Script } from "./script.ts";

const ONE = int(1), TWO = int(2), RECEIPT = str("receipt");

/** Feature bit of ONCE. */
const FEATURE = 0x02;
/** SHA-256 of the byte 01, which is ONE. */
const DIGEST =
  "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a";
const TIME = 1_796_000_000_000;
const OUTCOMES = { time: TIME, store: "redis-1" };
const CALL = {
  client: "00112233445566778899aabbccddeeff",
  number: 7,
  seen: 6,
  created: TIME + 250,
  digest: DIGEST,
};
/** The identity of a call with a key. */
const KEYED = { ...CALL, client: "0".repeat(32), number: 0, seen: 0 };

function once(call: typeof CALL): string {
  const { client, number, seen, created, digest } = call;
  const numbers = [number, seen, created].map((each) => uint(each, 8));
  return field(0x80, client + numbers.join("") + digest);
}

function key(text: string): string {
  return field(0x05, utf8(text));
}

function begun(name: string, meaning: string, server?: true): Script {
  const script = new Script(name, meaning, {
    ...(server && { subjects: ["server"] }),
    features: { client: FEATURE, server: FEATURE },
  });
  const entries = [
    field(0x10, uint(OUTCOMES.time, 8) + utf8(OUTCOMES.store)),
  ];
  return script.greeted()
    .do("server", "accept", { outcomes: OUTCOMES })
    .server(
      "HELLO: accepted, with OUTCOMES",
      script.hello("server", { entries }),
    )
    .sees("server", "opened")
    .sees("client", "opened");
}

function repeated(): Script {
  const script = begun(
    "a repeated call gets the outcome of the first",
    "Both REQUESTs have the same number and digest. The second came over the same connection; any other would do.",
  );
  for (const id of [1, 3]) {
    script
      .called(id, "add", request(id, ADD, ONE, once(CALL)), {
        value: ONE,
        once: CALL,
      })
      .do("server", "respond", { call: id, value: RECEIPT })
      .server(`RESULT ${id}`, result(id, RECEIPT))
      .sees("client", "result", { call: id, value: RECEIPT });
  }
  return script;
}

function keyed(): Script {
  return begun(
    "KEY identifies a call instead of client and number",
    "Client, number and seen are 0.",
  )
    .called(
      1,
      "add",
      request(1, ADD, ONE, once(KEYED), key("order-17")),
      { value: ONE, once: KEYED, key: "order-17" },
    )
    .do("server", "respond", { call: 1, value: RECEIPT })
    .server("RESULT 1", result(1, RECEIPT))
    .sees("client", "result", { call: 1, value: RECEIPT });
}

function refused(): Script {
  const script = begun(
    "a call with ONCE is refused if it must not run",
    "A method that does not run at most once, another digest, a full store, and an outcome that is not stored.",
  );
  const errors = [
    { code: "unimplemented", processed: "no", retry: "never" },
    { code: "conflict", processed: "no", retry: "never" },
    { code: "overloaded", processed: "no", retry: "later" },
    { code: "outcome-lost", processed: "maybe", retry: "never" },
  ] as const;
  errors.forEach((parts, index) => {
    const id = 2 * index + 1;
    script
      .called(id, "add", request(id, ADD, ONE, once(CALL)), {
        value: ONE,
        once: CALL,
      })
      .do("server", "fail", { call: id, ...parts })
      .server(`ERROR ${id}`, error(id, parts))
      .sees("client", "failed", { call: id, ...parts });
  });
  return script;
}

function malformed(): Script {
  const script = begun(
    "a malformed ONCE or KEY refuses the call",
    "ONCE of 71 and 73 bytes, numbers of 2^53, and keys that are empty, too long or not UTF-8.",
    true,
  );
  const value = once(CALL).slice(6); // without type and length
  const large = uint(2 ** 53 - 1, 8).replace("1f", "20");
  const fields = [
    field(0x80, value.slice(2)),
    field(0x80, value + "00"),
    ...[32, 48, 64].map((at) =>
      field(0x80, value.slice(0, at) + large + value.slice(at + 16))
    ),
    once(CALL) + key(""),
    once(CALL) + key("k".repeat(129)),
    once(CALL) + field(0x05, "ff"),
  ];
  fields.forEach((bytes, index) => {
    const id = 2 * index + 1;
    script
      .client(`REQUEST ${id}`, request(id, ADD, ONE, bytes))
      .server(
        `ERROR ${id}`,
        error(id, { code: "malformed", processed: "no" }),
      );
  });
  const last = 2 * fields.length + 1;
  return script.requested(last, "add", request(last, ADD, TWO), { value: TWO });
}

function badOutcomes(what: string, value: string): Script {
  const script = new Script(
    `a client closes if OUTCOMES has ${what}`,
    "It is a malformed entry.",
    { subjects: ["client"], features: { client: FEATURE } },
  );
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server(
      "HELLO, invalid",
      named(
        "HELLO",
        0,
        helloBody({
          role: 1,
          methods: CLIENT,
          entries: [field(0x10, value)],
        }),
      ),
    )
    .closedByClient("protocol");
}

export const ONCE: readonly Conversation[] = [
  repeated(),
  keyed(),
  refused(),
  malformed(),
  badOutcomes("no store", uint(TIME, 8)),
  badOutcomes("a time of 2^53", "0020000000000000" + utf8("redis-1")),
].map((script) => script.conversation);
