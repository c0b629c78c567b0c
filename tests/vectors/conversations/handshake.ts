/** Conversations about HELLO and what comes before it is answered. */
import {
  bin,
  call,
  error,
  field,
  frame,
  goaway,
  helloBody,
  IGNORABLE,
  int,
  item,
  map,
  named,
  notify,
  request,
  result,
  str,
  uint,
  utf8,
} from "./bytes.ts";
import {
  ADD,
  CLIENT,
  type Conversation,
  LOG,
  Script,
  SERVER,
  SUM,
} from "./script.ts";

const TOKEN = map({ token: str("s3cret") });
const AUTH = [field(0x04, TOKEN.hex)];

/** A dialler's HELLO that is at fault. */
function badHello(
  name: string,
  meaning: string,
  hello: string,
  code: string,
): Script {
  return new Script(name, meaning, { subjects: ["listener"] })
    .d("HELLO, at fault", hello)
    .closedByListener(code);
}

/** A listener's HELLO that is at fault. */
function badAnswer(
  name: string,
  meaning: string,
  answer: string,
  code: string,
): Script {
  const script = new Script(name, meaning, { subjects: ["dialler"] });
  return script
    .do("dialler", "start")
    .d("HELLO", script.hello("dialler"))
    .l("HELLO, at fault", answer)
    .closedByDialler(code);
}

const D = { role: 0, methods: SERVER } as const;
const L = { role: 1, methods: CLIENT } as const;

function hello(body: string, flags = 0): string {
  return named("HELLO", 0, body, flags);
}

function accepted(): Script {
  return new Script(
    "HELLO is answered with HELLO, and closing is a GOAWAY",
    "The shortest session: both sides open, nothing is called, the dialler closes in good order.",
  ).opened()
    .do("dialler", "close")
    .d("GOAWAY none: closed", goaway("none", 0, "closed"))
    .sees("dialler", "ended", { code: "none" })
    .sees("listener", "draining")
    .ends("dialler")
    .sees("listener", "ended", { code: "none" });
}

function withCredentials(): Script {
  const script = new Script(
    "credentials travel in HELLO",
    "The dialler's entry AUTH holds a value; the listener accepts by sending its HELLO.",
  );
  return script
    .do("dialler", "start", { credentials: TOKEN })
    .d("HELLO with AUTH", script.hello("dialler", { entries: AUTH }))
    .sees("listener", "authenticate", { credentials: TOKEN })
    .accepted();
}

function refused(): Script {
  const script = new Script(
    "refused credentials are a GOAWAY instead of a HELLO",
    "Last id 0: nothing was processed. The session is over.",
  );
  return script
    .do("dialler", "start", { credentials: TOKEN })
    .d("HELLO with AUTH", script.hello("dialler", { entries: AUTH }))
    .sees("listener", "authenticate", { credentials: TOKEN })
    .do("listener", "refuse", { text: "unknown token" })
    .l("GOAWAY", goaway("unauthenticated", 0, "unknown token"))
    .sees("listener", "ended", { code: "unauthenticated", remote: false })
    .sees("dialler", "ended", { code: "unauthenticated", remote: true });
}

function early(): Script {
  return new Script(
    "a call may leave right behind HELLO",
    "The listener keeps it unread until it has accepted the dialler, then handles it.",
  ).greeted()
    .do("dialler", "call", { call: 1, method: "add", value: int(1) })
    .d("REQUEST 1: add, early", request(1, ADD, int(1)))
    .accepted()
    .sees("listener", "request", { call: 1, method: "add", value: int(1) })
    .do("listener", "respond", { call: 1, value: int(2) })
    .l("RESULT 1", result(1, int(2)))
    .sees("dialler", "result", { call: 1, value: int(2) });
}

function earlyRefused(): Script {
  return new Script(
    "an early call of a refused dialler was not processed",
    "It is above the last id of the GOAWAY, and so safe to send again.",
  ).greeted()
    .do("dialler", "call", { call: 1, method: "add", value: int(1) })
    .d("REQUEST 1: add, early", request(1, ADD, int(1)))
    .do("listener", "refuse", { text: "no" })
    .l("GOAWAY", goaway("unauthenticated", 0, "no"))
    .sees("listener", "ended", { code: "unauthenticated", remote: false })
    .sees("dialler", "failed", {
      ...{ call: 1, code: "unavailable", processed: "no", retry: "now" },
    })
    .sees("dialler", "ended", { code: "unauthenticated", remote: true });
}

function earlyItems(): Script {
  return new Script(
    "items wait for the listener's HELLO",
    "Until it has come, the credit for items is 0; REQUEST may leave, ITEM and the END behind it may not.",
  ).greeted()
    .do("dialler", "call", { call: 1, method: "sum" })
    .d("REQUEST 1: sum, early", request(1, SUM, undefined))
    .do("dialler", "send", { call: 1, value: int(7) })
    .do("listener", "accept")
    .l("HELLO: accepted", new Script("", "").hello("listener"))
    .sees("listener", "opened")
    .sees("listener", "request", { call: 1, method: "sum" })
    .sees("dialler", "opened")
    .d("ITEM 1: now there is credit", item(1, int(7)))
    .do("listener", "read", { call: 1 })
    .sees("listener", "item", { call: 1, value: int(7) });
}

function earlyCredit(): Script {
  const line = bin("2e", 16_000);
  const script = new Script(
    "early notifications obey the credit of before the handshake",
    "65,536 for REQUEST and NOTIFY: the fifth of 16,071 each overshoots, the sixth waits for the listener's HELLO.",
  ).greeted();
  for (let count = 1; count <= 5; count++) {
    script
      .do("dialler", "notify", { method: "log", value: line })
      .d(`NOTIFY ${count}, early`, notify(LOG, line));
  }
  script
    .do("dialler", "notify", { method: "log", value: line })
    .do("listener", "accept")
    .l("HELLO: connectionWindow is 4 MiB", script.hello("listener"))
    .sees("listener", "opened");
  for (let count = 1; count <= 5; count++) {
    script.sees("listener", "notified", { method: "log", value: line });
  }
  return script
    .sees("dialler", "opened")
    .d("NOTIFY 6: now there is credit", notify(LOG, line))
    .sees("listener", "notified", { method: "log", value: line });
}

function earlyFlood(): Script {
  const script = new Script(
    "more than the early bounds closes the connection",
    "A listener that authenticates keeps at most 131,072 bytes of frames.",
    { subjects: ["listener"] },
  ).greeted();
  for (let count = 1; count <= 9; count++) {
    script.d(`NOTIFY ${count}, early`, notify(LOG, bin("00", 16_000)));
  }
  return script.closedByListener("flow-control");
}

function mismatches(): Script {
  const script = new Script(
    "MISMATCHES names the methods that do not fit",
    "Missing, another shape, another schema hash. The first two fail without a REQUEST, the third is handled.",
    { subjects: ["dialler"] },
  );
  const fails = { code: "unimplemented", processed: "no", retry: "never" };
  return script
    .do("dialler", "start")
    .d("HELLO", script.hello("dialler"))
    .l(
      "HELLO: add is missing, count has another shape, orders.create another schema",
      script.hello("listener", {
        entries: [
          field(
            0x05,
            uint(0, 2) + "00" + uint(2, 2) + "01" + uint(4, 2) + "02",
          ),
        ],
      }),
    )
    .sees("dialler", "opened")
    .do("dialler", "call", { call: 1, method: "add", value: int(1) })
    .sees("dialler", "failed", { call: 1, ...fails })
    .do("dialler", "call", { call: 1, method: "count", value: int(1) })
    .sees("dialler", "failed", { call: 1, ...fails })
    .do("dialler", "call", { call: 1, method: "orders.create", value: int(1) })
    .d("REQUEST 1: orders.create", request(1, 4, int(1)));
}

function findsMismatches(): Script {
  const script = new Script(
    "a listener finds mismatches in the dialler's list",
    "Each is a u16 number and a u8 reason. A REQUEST for such a method gets ERROR unimplemented all the same.",
    { subjects: ["listener"] },
  );
  const methods = [
    ["add", 2, 0],
    ["gone", 0, 0],
    ["log", 1, 9],
    ["orders.create", 0, 5],
  ] as const;
  return script
    .d(
      "HELLO: add as a stream, gone, log with a hash where the listener has none, orders.create with another hash",
      script.hello("dialler", { methods }),
    )
    .sees("listener", "authenticate")
    .do("listener", "accept")
    .l(
      "HELLO: shape, missing, schema",
      script.hello("listener", {
        entries: [field(0x05, "000001" + "000100" + "000302")],
      }),
    )
    .sees("listener", "opened")
    .d("REQUEST 1: gone", request(1, 1, int(1)))
    .l("ERROR 1", error(1, { code: "unimplemented", processed: "no" }))
    .d("REQUEST 3: add, as a stream", request(3, 0, int(1)))
    .l("ERROR 3", error(3, { code: "unimplemented", processed: "no" }));
}

function numbersAreTheSenders(): Script {
  const script = new Script(
    "a method number is an index into the caller's own list",
    "Two methods, in another order than the listener has them.",
    { subjects: ["listener"] },
  );
  const methods = [["orders.create", 0, 0], ["add", 0, 0]] as const;
  return script
    .d("HELLO", script.hello("dialler", { methods }))
    .sees("listener", "authenticate")
    .accepted()
    .requested(1, "orders.create", request(1, 0, int(1)), { value: int(1) })
    .requested(3, "add", request(3, 1, int(2)), { value: int(2) });
}

function laterMinor(): Script {
  const script = new Script(
    "a later minor version, features and entries are passed over",
    "What this version does not know changes nothing.",
    { subjects: ["listener"] },
  );
  return script
    .d(
      "HELLO: version 1.7, features, entry 0x7e",
      script.hello("dialler", {
        version: [1, 7],
        features: 0xffffffff,
        entries: [field(0x7e, "c0ffee")],
      }),
    )
    .sees("listener", "authenticate")
    .accepted();
}

function unknownEarly(): Script {
  const script = new Script(
    "even an ignorable frame cannot stand before HELLO",
    "The first frame is HELLO, whatever comes.",
    { subjects: ["listener"] },
  );
  return script
    .d("kind 0x7f, IGNORABLE", frame(0x7f, 0, "", IGNORABLE))
    .closedByListener("protocol");
}

function timeouts(side: "dialler" | "listener"): Script {
  const script = new Script(
    `a handshake that takes more than 5 s is given up by the ${side}`,
    "Time for the handshake, authentication included.",
    { subjects: [side] },
  );
  if (side === "listener") {
    return script.greeted().advance(5_000).closedByListener("timeout");
  }
  return script
    .do("dialler", "start")
    .d("HELLO", script.hello("dialler"))
    .advance(5_000)
    .closedByDialler("timeout");
}

function turnedAway(): Script {
  const script = new Script(
    "a GOAWAY before HELLO ends the session, whatever its code",
    "A listener that drains has nothing to offer.",
    { subjects: ["dialler"] },
  );
  return script
    .do("dialler", "start")
    .d("HELLO", script.hello("dialler"))
    .l("GOAWAY none", goaway("none", 0, "draining"))
    .sees("dialler", "ended", { code: "disconnected", remote: true });
}

function tooManyMethods(): Script {
  const script = new Script(
    "more methods than the limit close the connection",
    "Here the listener takes 5, and the dialler lists 6.",
    { subjects: ["listener"], limits: { listener: { maxMethods: 5 } } },
  );
  return script
    .d("HELLO with 6 methods", script.hello("dialler"))
    .closedByListener("protocol");
}

const body = helloBody(D);

/** In the order of the document. */
export const HANDSHAKE: readonly Conversation[] = [
  accepted(),
  withCredentials(),
  refused(),
  early(),
  earlyRefused(),
  earlyItems(),
  earlyCredit(),
  earlyFlood(),
  mismatches(),
  findsMismatches(),
  numbersAreTheSenders(),
  laterMinor(),
  badHello(
    "credentials that cannot be decoded are refused",
    "0xc1 is never used in MessagePack.",
    hello(helloBody({ ...D, entries: [field(0x04, "c1")] })),
    "unauthenticated",
  ),
  badHello(
    "a first frame that is no HELLO closes the connection",
    "Nothing may stand in front of it.",
    named("PING", 0, "0102030405060708"),
    "protocol",
  ),
  unknownEarly(),
  badHello(
    "another protocol closes the connection",
    "The bytes of HTTP: their first four are a length over every limit.",
    utf8("GET / HTTP/1.1\r\n\r\n"),
    "protocol",
  ),
  badHello(
    "a HELLO with another magic closes the connection",
    '"LWP2" is no "LWP1".',
    hello(utf8("LWP2") + body.slice(8)),
    "protocol",
  ),
  badHello(
    "another major version is refused by that name",
    "Version 2.0; the rest of the body is not looked at.",
    hello(utf8("LWP1") + "0200" + "ffff"),
    "version",
  ),
  badHello(
    "an unknown codec is refused by that name",
    'The listener speaks "msgpack".',
    hello(helloBody({ ...D, codec: "cbor" })),
    "codec",
  ),
  badHello(
    "two diallers cannot talk",
    "The role is the receiver's own.",
    hello(helloBody(L)),
    "protocol",
  ),
  badHello(
    "a HELLO below a least value closes the connection",
    "maxFrameBody 16,383.",
    hello(helloBody({ ...D, limits: { maxFrameBody: 16_383 } })),
    "protocol",
  ),
  badHello(
    "a HELLO with a limit of 2^31 closes the connection",
    "Credit beyond 2^31 − 1 could not be granted.",
    hello(helloBody({ ...D, limits: { connectionWindow: 2 ** 31 } })),
    "protocol",
  ),
  badHello(
    "a HELLO with an unknown role closes the connection",
    "0 dials, 1 listens.",
    hello(body.slice(0, 12) + "02" + body.slice(14)),
    "protocol",
  ),
  badHello(
    "a HELLO that is cut closes the connection",
    "Its last entry claims more than there is.",
    hello(body.slice(0, -2)),
    "protocol",
  ),
  badHello(
    "a HELLO shorter than its fixed members closes the connection",
    "39 bytes.",
    hello(body.slice(0, 78)),
    "protocol",
  ),
  badHello(
    "a HELLO with an unknown shape closes the connection",
    "There are five: 0 to 4.",
    hello(helloBody({ ...D, methods: [["add", 5, 0]] })),
    "protocol",
  ),
  badHello(
    "a HELLO whose names are not UTF-8 closes the connection",
    "The entry PROTOCOL once more, with 0xff; the last one counts.",
    hello(helloBody({ ...D, entries: [field(0x01, "ff")] })),
    "protocol",
  ),
  badHello(
    "a HELLO of more than 65,536 bytes closes the connection",
    "Entries that nobody knows, beyond the limit.",
    hello(helloBody({
      ...D,
      entries: [
        field(0x7d, "00".repeat(65_000)),
        field(0x7e, "00".repeat(600)),
      ],
    })),
    "too-large",
  ),
  tooManyMethods(),
  badAnswer(
    "a listener that answers with anything else loses the dialler",
    "A RESULT in place of HELLO.",
    result(1, int(1)),
    "protocol",
  ),
  badAnswer(
    "a listener that answers in another codec loses the dialler",
    "What the dialler has sent is encoded with the codec that it offered.",
    hello(helloBody({ ...L, codec: "json" })),
    "codec",
  ),
  badAnswer(
    "a listener that claims to have dialled loses the dialler",
    "The role is the receiver's own.",
    hello(helloBody(D)),
    "protocol",
  ),
  turnedAway(),
  timeouts("dialler"),
  timeouts("listener"),
  new Script(
    "a second HELLO closes the connection",
    "Also with IGNORABLE: the kind is known.",
    { subjects: ["listener"] },
  ).opened()
    .d("HELLO once more", hello(body, IGNORABLE))
    .closedByListener("protocol"),
  new Script(
    "a call may not begin with a method that the list lacks",
    "Number 6 of a list of 6.",
    { subjects: ["listener"] },
  ).opened()
    .d("REQUEST 1: method 6", named("REQUEST", 1, call(6, int(1))))
    .l("ERROR 1", error(1, { code: "unimplemented", processed: "no" })),
].map((entry) => entry.conversation);
