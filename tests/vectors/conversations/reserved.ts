/**
 * Conversations that send what PROTOCOL.md reserves for features to a peer
 * without them, in both roles.
 */
import {
  error,
  type ErrorParts,
  field,
  fields,
  frame,
  goaway,
  helloBody,
  IGNORABLE,
  int,
  map,
  MORE,
  named,
  NO_VALUE,
  notify,
  request,
  result,
  str,
  uint,
  utf8,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import {
  ADD,
  ALERT,
  ASK,
  type Conversation,
  LOG,
  other,
  Script,
  SERVER,
  type Side,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
const SIXTEEN = "0123456789abcdef".repeat(2);
const POSITION = uint(7, 8) + uint(41, 8);

/** All feature bits that have a meaning or are reserved. */
const FEATURES = 0x1f;

/** The entries that only features use, by the role that sends them. */
const ENTRIES: Readonly<Record<Side, readonly string[]>> = {
  client: [
    field(0x0b, uint(3, 4) + uint(90, 8) + uint(12, 8) + SIXTEEN), // RESUME
    field(0x0f, "0110"), // EXTENSIONS
    field(0x11, ""), // SECONDARY
  ],
  server: [
    field(0x07, SIXTEEN), // SESSION
    field(0x08, SIXTEEN), // INSTANCE
    field(0x09, utf8("tls://a.example:7000")), // LOCATION
    field(0x0a, uint(30_000, 4) + SIXTEEN), // TOKEN
    field(0x0c, uint(3, 4) + uint(90, 8) + uint(12, 8)), // RESUMED
    field(0x0d, "02" + uint(90, 8)), // RESUME_REFUSED
    field(0x0e, uint(2000, 4)), // SPREAD
    field(0x0f, "0110"), // EXTENSIONS
  ],
};

const AGENT = field(0x06, utf8("someone/9.9"));

/** Fields of a REQUEST that a peer without the feature skips. */
const SKIPPED = [
  field(0x03, "02"), // ATTEMPT
  field(0x04, "00" + SIXTEEN + SIXTEEN.slice(0, 16) + "01" + utf8("a=b")), // TRACE
  field(0x05, utf8("order-17")), // KEY
  field(0x06, POSITION), // ITEM_ID
  field(0x07, uint(3, 8) + uint(9, 8) + "01"), // GAP
  field(0x08, uint(7, 8) + uint(41, 8) + "01"), // JOINED
  field(0x14, uint(2000, 4)), // SPREAD
];

/** Critical fields. */
const CRITICAL = {
  ONCE: field(
    0x80,
    SIXTEEN + uint(17, 8) + uint(16, 8) + uint(1_764_000_000_000, 8) +
      SIXTEEN.repeat(2),
  ),
  RESUME_FROM: field(0x81, POSITION),
  "of an unknown type": field(0xff, ""),
};

const METHODS = {
  client: { unary: ADD, name: "add", notification: LOG, note: "log" },
  server: { unary: ASK, name: "ask", notification: ALERT, note: "alert" },
} as const;

function idOf(caller: Side, before = 0): number {
  return (caller === "client" ? 1 : 2) + 2 * before;
}

function entries(): Script[] {
  const names = (side: Side) =>
    `the ${side}'s entries and features of HELLO that are not in use are skipped`;
  const meaning =
    "Every feature bit, AGENT, and every entry of section 18. The session is a new one, and calls work.";
  const toServer = new Script(names("client"), meaning, {
    subjects: ["server"],
  });
  toServer
    .client(
      "HELLO: all features, and entries",
      toServer.hello("client", {
        features: FEATURES,
        entries: [AGENT, ...ENTRIES.client, ...ENTRIES.server],
      }),
    )
    .sees("server", "authenticate")
    .do("server", "accept")
    .server("HELLO: no features", toServer.hello("server"))
    .sees("server", "opened")
    .requested(1, "add", request(1, ADD, ONE), { value: ONE });
  const toClient = new Script(names("server"), meaning, {
    subjects: ["client"],
  });
  toClient
    .do("client", "start")
    .client("HELLO", toClient.hello("client"))
    .server(
      "HELLO: all features, and entries",
      toClient.hello("server", {
        features: FEATURES,
        entries: [AGENT, ...ENTRIES.server, ...ENTRIES.client],
      }),
    )
    .sees("client", "opened");
  new CallScript(toClient, "client", "unary").asks(ONE).leaves(ONE);
  return [toServer, toClient];
}

function skippedInRequest(callee: Side): Script {
  const caller = other(callee);
  const { unary, name } = METHODS[caller];
  const id = idOf(caller);
  return new Script(
    `fields that are not in use are skipped by the ${callee}`,
    "ATTEMPT, TRACE, KEY and others, in REQUEST; NO_VALUE has no meaning there.",
    { subjects: [callee] },
  ).opened()
    .frame(
      caller,
      `REQUEST ${id}`,
      named(
        "REQUEST",
        id,
        uint(unary, 2) + fields(...SKIPPED) + ONE.hex,
        NO_VALUE,
      ),
    )
    .sees(callee, "request", { call: id, method: name, value: ONE });
}

function skippedElsewhere(side: Side): Script {
  const caller = side;
  const { unary, name, notification, note } = METHODS[other(side)];
  const script = new Script(
    `the ${side} skips fields that are not in use, in NOTIFY, RESULT and ERROR`,
    "As section 3 says of every type below 0x80.",
    { subjects: [side] },
  ).opened()
    .frame(other(side), "NOTIFY", notify(notification, ONE, ...SKIPPED))
    .sees(side, "notified", { method: note, value: ONE });
  const first = new CallScript(script, caller, "unary").asks(ONE).leaves(ONE);
  script
    .frame(
      other(side),
      `RESULT ${first.id}`,
      result(first.id, TWO, ...SKIPPED),
    )
    .sees(side, "result", { call: first.id, value: TWO });
  const second = new CallScript(script, caller, "unary", 1).asks(ONE)
    .leaves(ONE);
  script
    .frame(
      other(side),
      `ERROR ${second.id}`,
      named("ERROR", second.id, "09020000" + fields(...SKIPPED)),
    )
    .sees(side, "failed", {
      ...{ call: second.id, code: "forbidden", processed: "yes" },
      retry: "never",
    });
  // The other direction of the table: a REQUEST to this end.
  const id = idOf(other(side));
  return script
    .frame(
      other(side),
      `REQUEST ${id}`,
      request(id, unary, ONE, ...SKIPPED),
    )
    .sees(side, "request", { call: id, method: name, value: ONE });
}

function criticalRequest(callee: Side): Script[] {
  const caller = other(callee);
  const { unary, name } = METHODS[caller];
  return Object.entries(CRITICAL).map(([what, bytes]) => {
    const id = idOf(caller), next = idOf(caller, 1);
    return new Script(
      `a REQUEST with the critical field ${what} is refused by the ${callee}`,
      "It must not be handled as if the field were not there.",
      { subjects: [callee] },
    ).opened()
      .frame(caller, `REQUEST ${id}`, request(id, unary, ONE, bytes))
      .frame(
        callee,
        `ERROR ${id}`,
        errorOf(id, { code: "unimplemented", processed: "no" }),
      )
      .frame(caller, `REQUEST ${next}`, request(next, unary, TWO))
      .sees(callee, "request", { call: next, method: name, value: TWO });
  });
}

function criticalNotify(side: Side): Script {
  const { notification, note } = METHODS[other(side)];
  const script = new Script(
    `a NOTIFY with a critical field is dropped by the ${side}`,
    "There is no reply; the next one is handled.",
    { subjects: [side] },
  ).opened();
  for (const [what, bytes] of Object.entries(CRITICAL)) {
    script.frame(
      other(side),
      `NOTIFY with ${what}`,
      notify(notification, ONE, bytes),
    );
  }
  return script
    .frame(other(side), "NOTIFY", notify(notification, TWO))
    .sees(side, "notified", { method: note, value: TWO });
}

function criticalReply(caller: Side): Script {
  const script = new Script(
    `a reply with a critical field fails the call of the ${caller}`,
    "Locally: the reply is the terminal, and needs no CANCEL.",
    { subjects: [caller] },
  ).opened();
  Object.entries(CRITICAL).forEach(([what, bytes], index) => {
    for (const kind of ["RESULT", "ERROR"] as const) {
      const before = 2 * index + (kind === "ERROR" ? 1 : 0);
      const call = new CallScript(script, caller, "unary", before)
        .asks(ONE).leaves(ONE);
      const body = kind === "RESULT"
        ? fields(bytes) + TWO.hex
        : "09020000" + fields(bytes);
      script
        .frame(
          other(caller),
          `${kind} ${call.id} with ${what}`,
          named(kind, call.id, body),
        )
        .sees(caller, "failed", {
          ...{ call: call.id, code: "unimplemented", processed: "maybe" },
          retry: "never",
        });
    }
  });
  return script;
}

function criticalGoaway(side: Side): Script {
  return new Script(
    `a GOAWAY with a critical field closes the connection of the ${side}`,
    "Its meaning is not known.",
    { subjects: [side] },
  ).opened()
    .frame(
      other(side),
      "GOAWAY drain",
      goaway("drain", 0, "", CRITICAL["of an unknown type"]),
    )
    .frame(
      side,
      "GOAWAY protocol: the connection is closed",
      goaway("protocol", 0),
    )
    .sees(side, "ended", { code: "protocol", remote: false });
}

function ack(side: Side): Script[] {
  const { unary, name } = METHODS[other(side)];
  const id = idOf(other(side));
  return [
    new Script(
      `an ACK closes the connection of the ${side}`,
      "Without resume it is an unknown kind.",
      { subjects: [side] },
    ).opened()
      .frame(other(side), "ACK", named("ACK", 0, uint(12, 8)))
      .frame(
        side,
        "GOAWAY protocol: the connection is closed",
        goaway("protocol", 0),
      )
      .sees(side, "ended", { code: "protocol", remote: false }),
    new Script(
      `an ACK with IGNORABLE is skipped by the ${side}`,
      "As every unknown kind.",
      { subjects: [side] },
    ).opened()
      .frame(
        other(side),
        "ACK, IGNORABLE",
        frame(0x07, 0, uint(12, 8), IGNORABLE),
      )
      .frame(other(side), `REQUEST ${id}`, request(id, unary, ONE))
      .sees(side, "request", { call: id, method: name, value: ONE }),
  ];
}

function pingWithPosition(side: Side): Script {
  const body = "00000000000000070000000000000029";
  return new Script(
    `the ${side} answers a PING with a position`,
    "The PONG repeats all 16 bytes; a PONG of 16 bytes that matches nothing is dropped.",
    { subjects: [side] },
  ).opened()
    .frame(other(side), "PING, 16 bytes", named("PING", 0, body))
    .frame(side, "PONG, 16 bytes", named("PONG", 0, body))
    .frame(other(side), "PONG, 16 bytes", named("PONG", 0, body));
}

function laterCodes(caller: Side): Script {
  const script = new Script(
    `the codes of features reach the ${caller}`,
    "moving, conflict and outcome-lost are in the table, and need no feature.",
    { subjects: [caller] },
  ).opened();
  const errors: readonly ErrorParts[] = [
    { code: "moving", processed: "yes", retry: "now" },
    { code: "conflict", processed: "no" },
    { code: "outcome-lost", processed: "yes" },
    { code: "unavailable", processed: "yes" },
    { code: "unavailable", processed: "maybe", retryAfter: 250 },
  ];
  errors.forEach((parts, index) => {
    const call = new CallScript(script, caller, "unary", index)
      .asks(ONE).leaves(ONE);
    script
      .frame(other(caller), `ERROR ${call.id}`, errorOf(call.id, parts))
      .sees(caller, "failed", {
        ...{ call: call.id, retry: "never", ...parts },
      });
  });
  return script;
}

/** Encodes an ERROR; `moving` has ITEM_ID. */
function errorOf(id: number, parts: ErrorParts): string {
  const moves = parts.code === "moving";
  return error(id, parts, ...(moves ? [field(0x06, POSITION)] : []));
}

/** Encodes an ITEM with the flag NO_VALUE. */
function noValue(id: number, list: string, flags = 0): string {
  return named("ITEM", id, list, NO_VALUE | flags);
}

const GAP_AND_JOINED = [
  fields(field(0x07, uint(3, 8) + uint(9, 8) + "01")),
  fields(field(0x08, uint(7, 8) + uint(41, 8) + "01")),
  fields() + "ffff", // bytes after the fields are skipped, too
];

/** Items to the callee that are not the application's. */
function itemsForCallee(callee: Side): Script {
  const script = new Script(
    `the ${callee} skips ITEMs with NO_VALUE, and the field ITEM_ID, as the callee`,
    "GAP and JOINED. Each item returns its charge; only the last is the application's.",
    { subjects: [callee] },
  ).opened();
  const call = new CallScript(script, other(callee), "clientStream");
  script.frame(
    other(callee),
    `REQUEST ${call.id}`,
    request(call.id, call.number, undefined),
  );
  call.arrives();
  for (const list of GAP_AND_JOINED) {
    script.frame(
      other(callee),
      `ITEM ${call.id}, NO_VALUE`,
      noValue(call.id, list),
    );
  }
  return script
    .do(callee, "read", { call: call.id })
    .frame(
      other(callee),
      `ITEM ${call.id}, ITEM_ID`,
      named("ITEM", call.id, fields(field(0x06, POSITION)) + TWO.hex),
    )
    .sees(callee, "item", { call: call.id, value: TWO });
}

/** Items to the caller that are not the application's. */
function itemsForCaller(caller: Side): Script {
  const script = new Script(
    `the ${caller} skips ITEMs with NO_VALUE, and the field ITEM_ID, as the caller`,
    "GAP and JOINED. Each item returns its charge; only the last is the application's.",
    { subjects: [caller] },
  ).opened();
  const call = new CallScript(script, caller, "serverStream")
    .asks(ONE).leaves(ONE);
  for (const list of GAP_AND_JOINED) {
    script.frame(
      other(caller),
      `ITEM ${call.id}, NO_VALUE`,
      noValue(call.id, list),
    );
  }
  return script
    .do(caller, "read", { call: call.id })
    .frame(
      other(caller),
      `ITEM ${call.id}, ITEM_ID`,
      named("ITEM", call.id, fields(field(0x06, POSITION)) + TWO.hex),
    )
    .sees(caller, "item", { call: call.id, value: TWO });
}

/** Items that break the call of a client stream. */
function brokenItems(callee: Side): Script[] {
  const caller = other(callee);
  const { id, number, method } = new CallScript(
    new Script("", ""),
    caller,
    "clientStream",
  );
  const breaking = {
    "with a critical field": [named(
      "ITEM",
      id,
      fields(CRITICAL["of an unknown type"]) + TWO.hex,
    )],
    "with NO_VALUE and a critical field": [
      noValue(id, fields(CRITICAL["of an unknown type"])),
    ],
    "with NO_VALUE and MORE": [noValue(id, fields(), MORE)],
    "with NO_VALUE between the frames of another": [
      named("ITEM", id, fields(), MORE),
      noValue(id, fields()),
    ],
  };
  return Object.entries(breaking).map(([what, frames]) => {
    const script = new Script(
      `an ITEM ${what} breaks the call at the ${callee}`,
      "It must not be handled as an ordinary item.",
      { subjects: [callee] },
    ).opened()
      .frame(caller, `REQUEST ${id}`, request(id, number, undefined))
      .sees(callee, "request", { call: id, method });
    for (const hex of frames) script.frame(caller, `ITEM ${id}`, hex);
    return script
      .sees(callee, "cancelled", { call: id, reason: "cancelled" })
      .frame(
        callee,
        `ERROR ${id}`,
        error(id, { code: "malformed", processed: "maybe" }),
      );
  });
}

/** Writes a HELLO with a list of codecs to a server that knows msgpack only. */
function codecs(): Script[] {
  const chosen = new Script(
    "the server chooses the first codec of the list that it supports",
    "Its HELLO names it; the client sends nothing before.",
    { subjects: ["server"] },
  );
  chosen
    .client(
      "HELLO: cbor, msgpack",
      chosen.hello("client", { codec: "cbor,msgpack,json" }),
    )
    .sees("server", "authenticate")
    .accepted();
  const refused = new Script(
    "credentials rule out every codec but the first",
    "They are encoded with the first of the list, which the server does not know.",
    { subjects: ["server"] },
  );
  return [
    chosen,
    refused
      .client(
        "HELLO: cbor, msgpack, with AUTH",
        refused.hello("client", {
          codec: "cbor,msgpack",
          entries: [field(0x04, map({ token: str("s3cret") }).hex)],
        }),
      )
      .closedByServer("codec"),
    new Script(
      "a list without a supported codec is refused",
      "No AUTH; none of them is msgpack.",
      { subjects: ["server"] },
    )
      .client(
        "HELLO: cbor, bson",
        named(
          "HELLO",
          0,
          helloBody({ role: 0, methods: SERVER, codec: "cbor,bson" }),
        ),
      )
      .closedByServer("codec"),
  ];
}

/** All of them, in the order of PROTOCOL.md. */
export const RESERVED: readonly Conversation[] = [
  ...entries(),
  ...codecs(),
  ...SIDES.flatMap((side) => [
    skippedInRequest(side),
    skippedElsewhere(side),
    ...criticalRequest(side),
    criticalNotify(side),
    criticalReply(side),
    criticalGoaway(side),
    ...ack(side),
    pingWithPosition(side),
    laterCodes(side),
    itemsForCallee(side),
    itemsForCaller(side),
    ...brokenItems(side),
  ]),
].map((script) => script.conversation);
