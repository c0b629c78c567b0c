/** Conversations about the handshake, and about early frames. */
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
  retryAfter,
  str,
  uint,
} from "./bytes.ts";
import { ADD, type Conversation, LOG, Script, SERVER, SUM } from "./script.ts";

const ONE = int(1);
const TOKEN = map({ token: str("s3cret") });
const AUTH = [field(0x04, TOKEN.hex)];

function hello(body: string, flags = 0): string {
  return named("HELLO", 0, body, flags);
}

function accepted(): Script {
  return new Script(
    "a session begins with HELLO from both ends and ends with GOAWAY",
    "The shortest session: both ends open, no call is made, the client closes.",
  ).opened()
    .do("client", "close")
    .client("GOAWAY closed", goaway("closed", 0))
    .sees("client", "ended", { code: "closed" })
    .sees("server", "ended", { code: "closed" })
    .ends("client");
}

function withCredentials(): Script {
  const script = new Script(
    "credentials are sent in HELLO",
    "The client's entry AUTH contains a value; the server accepts by sending its HELLO.",
  );
  return script
    .do("client", "start", { credentials: TOKEN })
    .client("HELLO with AUTH", script.hello("client", { entries: AUTH }))
    .sees("server", "authenticate", { credentials: TOKEN })
    .accepted();
}

function refused(): Script {
  const script = new Script(
    "refused credentials get GOAWAY instead of HELLO",
    "Last id 0: nothing was processed. The session is over.",
  );
  return script
    .do("client", "start", { credentials: TOKEN })
    .client("HELLO with AUTH", script.hello("client", { entries: AUTH }))
    .sees("server", "authenticate", { credentials: TOKEN })
    .do("server", "refuse", { text: "unknown token" })
    .server("GOAWAY", goaway("unauthenticated", 0, "unknown token"))
    .sees("server", "ended", { code: "unauthenticated", remote: false })
    .sees("client", "ended", { code: "unauthenticated", remote: true });
}

function early(): Script {
  return new Script(
    "a call may be sent directly after HELLO",
    "The server holds it unread until it has accepted the client, then handles it.",
  ).greeted()
    .do("client", "call", { call: 1, method: "add", value: int(1) })
    .client("REQUEST 1: add, early", request(1, ADD, int(1)))
    .accepted()
    .sees("server", "request", { call: 1, method: "add", value: int(1) })
    .do("server", "respond", { call: 1, value: int(2) })
    .server("RESULT 1", result(1, int(2)))
    .sees("client", "result", { call: 1, value: int(2) });
}

function earlyRefused(): Script {
  return new Script(
    "an early call of a refused client was not processed",
    "It is above the last id of the GOAWAY; the same credentials would be refused again.",
  ).greeted()
    .do("client", "call", { call: 1, method: "add", value: int(1) })
    .client("REQUEST 1: add, early", request(1, ADD, int(1)))
    .do("server", "refuse", { text: "no" })
    .server("GOAWAY", goaway("unauthenticated", 0, "no"))
    .sees("server", "ended", { code: "unauthenticated", remote: false })
    .sees("client", "failed", {
      ...{ call: 1, code: "unauthenticated", processed: "no", retry: "never" },
    })
    .sees("client", "ended", { code: "unauthenticated", remote: true });
}

function earlyItems(): Script {
  return new Script(
    "items wait for the server's HELLO",
    "Until it arrives, the credit for items is 0: REQUEST may be sent, but not ITEM or the END after it.",
  ).greeted()
    .do("client", "call", { call: 1, method: "sum" })
    .client("REQUEST 1: sum, early", request(1, SUM, undefined))
    .do("client", "send", { call: 1, value: int(7) })
    .do("server", "accept")
    .server("HELLO: accepted", new Script("", "").hello("server"))
    .sees("server", "opened")
    .sees("server", "request", { call: 1, method: "sum" })
    .sees("client", "opened")
    .client("ITEM 1: now there is credit", item(1, int(7)))
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: int(7) });
}

function earlyOthers(): Script {
  const script = new Script(
    "early frames of other kinds are handled as if they came after HELLO",
    "A client must not send ITEM and PING before the server's HELLO; a server takes them as it takes late ones.",
    { subjects: ["server"] },
  );
  return script.greeted()
    .client("REQUEST 1: sum, early", request(1, SUM, undefined))
    .client("ITEM 1, early", item(1, int(7)))
    .client("PING, early", named("PING", 0, "0102030405060708"))
    .do("server", "accept")
    .server("HELLO: accepted", script.hello("server"))
    .sees("server", "opened")
    .sees("server", "request", { call: 1, method: "sum" })
    .server("PONG", named("PONG", 0, "0102030405060708"))
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: int(7) });
}

function earlyCredit(): Script {
  const line = bin("2e", 16_000);
  const script = new Script(
    "early notifications need the initial credit",
    "16,384 for NOTIFY: the second, with 16,071 each, overshoots; the third waits for the server's HELLO.",
  ).greeted();
  for (let count = 1; count <= 2; count++) {
    script
      .do("client", "notify", { method: "log", value: line })
      .client(`NOTIFY ${count}, early`, notify(LOG, line));
  }
  script
    .do("client", "notify", { method: "log", value: line })
    .do("server", "accept")
    .server("HELLO: notifyWindow is 1 MiB", script.hello("server"))
    .sees("server", "opened");
  for (let count = 1; count <= 2; count++) {
    script.sees("server", "notified", { method: "log", value: line });
  }
  return script
    .sees("client", "opened")
    .client("NOTIFY 3: now there is credit", notify(LOG, line))
    .sees("server", "notified", { method: "log", value: line });
}

function earlyFlood(): Script {
  const script = new Script(
    "too many early bytes close the connection",
    "An authenticating server holds at most 131,072 bytes of frames.",
    { subjects: ["server"] },
  ).greeted();
  for (let count = 1; count <= 9; count++) {
    script.client(`NOTIFY ${count}, early`, notify(LOG, bin("00", 16_000)));
  }
  return script.closedByServer("flow-control");
}

function mismatches(): Script {
  const script = new Script(
    "MISMATCHES lists the methods that differ",
    "A missing method, a different shape, a different schema hash. The first two fail without a REQUEST; the third is handled.",
    { subjects: ["client"] },
  );
  const fails = { code: "unimplemented", processed: "no", retry: "never" };
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server(
      "HELLO: add is missing, count has a different shape, orders.create a different schema",
      script.hello("server", {
        entries: [
          field(
            0x05,
            uint(0, 2) + "00" + uint(2, 2) + "01" + uint(4, 2) + "02",
          ),
        ],
      }),
    )
    .sees("client", "opened")
    .do("client", "call", { call: 1, method: "add", value: int(1) })
    .sees("client", "failed", { call: 1, ...fails })
    .do("client", "call", { call: 1, method: "count", value: int(1) })
    .sees("client", "failed", { call: 1, ...fails })
    .do("client", "call", { call: 1, method: "orders.create", value: int(1) })
    .client("REQUEST 1: orders.create", request(1, 4, int(1)));
}

function findsMismatches(): Script {
  const script = new Script(
    "a server finds mismatches in the client's list",
    "Each is a u16 number and a u8 reason. A REQUEST for such a method still gets ERROR unimplemented.",
    { subjects: ["server"] },
  );
  const methods = [
    ["add", 2, 0],
    ["gone", 0, 0],
    ["log", 1, 9],
    ["orders.create", 0, 5],
  ] as const;
  return script
    .client(
      "HELLO: add as a stream, gone, log with a hash that the server lacks, orders.create with a different hash",
      script.hello("client", { methods }),
    )
    .sees("server", "authenticate")
    .do("server", "accept")
    .server(
      "HELLO: shape, missing, schema",
      script.hello("server", {
        entries: [field(0x05, "000001" + "000100" + "000302")],
      }),
    )
    .sees("server", "opened")
    .client("REQUEST 1: gone", request(1, 1, int(1)))
    .server("ERROR 1", error(1, { code: "unimplemented", processed: "no" }))
    .client("REQUEST 3: add, as a stream", request(3, 0, int(1)))
    .server("ERROR 3", error(3, { code: "unimplemented", processed: "no" }));
}

function numbersAreTheSenders(): Script {
  const script = new Script(
    "a method number is an index into the caller's own list",
    "Two methods, in a different order than the server's.",
    { subjects: ["server"] },
  );
  const methods = [["orders.create", 0, 0], ["add", 0, 0]] as const;
  return script
    .client("HELLO", script.hello("client", { methods }))
    .sees("server", "authenticate")
    .accepted()
    .requested(1, "orders.create", request(1, 0, int(1)), { value: int(1) })
    .requested(3, "add", request(3, 1, int(2)), { value: int(2) });
}

function laterMinor(): Script {
  const script = new Script(
    "a later minor version, features and entries are ignored",
    "Unknown parts change nothing.",
    { subjects: ["server"] },
  );
  return script
    .client(
      "HELLO: version 1.7, features, entries 0x11 and 0x7e",
      script.hello("client", {
        version: [1, 7],
        features: 0xffffffff,
        entries: [field(0x11, "c0ffee"), field(0x7e, "c0ffee")],
      }),
    )
    .sees("server", "authenticate")
    .accepted();
}

function laterServer(): Script {
  const script = new Script(
    "a client skips the unknown entries of a server's HELLO",
    "0x11 is the first number without an entry. The session opens, and calls work.",
    { subjects: ["client"] },
  );
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server(
      "HELLO: version 1.7, features, entries 0x11 and 0x7e",
      script.hello("server", {
        version: [1, 7],
        features: 0xffffffff,
        entries: [field(0x11, "c0ffee"), field(0x7e, "c0ffee")],
      }),
    )
    .sees("client", "opened")
    .do("client", "call", { call: 1, method: "add", value: int(1) })
    .client("REQUEST 1: add", request(1, ADD, int(1)))
    .server("RESULT 1", result(1, int(2)))
    .sees("client", "result", { call: 1, value: int(2) });
}

function unknownEarly(): Script {
  const script = new Script(
    "even an ignorable frame must not come before HELLO",
    "The first frame must be HELLO.",
    { subjects: ["server"] },
  );
  return script
    .client("kind 0x7f, IGNORABLE", frame(0x7f, 0, "", IGNORABLE))
    .closedByServer("protocol");
}

function timeouts(side: "client" | "server"): Script {
  const script = new Script(
    `the ${side} closes if a handshake takes more than 5 s`,
    "The limit includes authentication.",
    { subjects: [side] },
  );
  if (side === "server") {
    return script.greeted().advance(5_000).closedByServer("timeout");
  }
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .advance(5_000)
    .closedByClient("timeout");
}

function turnedAway(code: string): Script {
  const script = new Script(
    `a GOAWAY ${code} before HELLO refuses the client`,
    "Whatever its code: no call could finish during a drain.",
    { subjects: ["client"] },
  );
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server(`GOAWAY ${code}`, goaway(code, 0))
    .sees("client", "ended", { code, remote: true });
}

function full(): Script {
  const script = new Script(
    "a full server refuses a client, which may come back later",
    "GOAWAY refused-busy with RETRY_AFTER 2 s; the early call was not processed.",
    { subjects: ["client"] },
  );
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .do("client", "call", { call: 1, method: "add", value: ONE })
    .client("REQUEST 1", request(1, ADD, ONE))
    .server(
      "GOAWAY refused-busy",
      goaway("refused-busy", 0, "full", retryAfter(2000)),
    )
    .sees("client", "failed", {
      ...{ call: 1, code: "unavailable", processed: "no", retry: "later" },
      retryAfter: 2000,
    })
    .sees("client", "ended", {
      ...{ code: "refused-busy", remote: true, retryAfter: 2000 },
    });
}

const body = helloBody({ role: 0, methods: SERVER });

/** All of them, in the order of PROTOCOL.md. */
export const HANDSHAKE: readonly Conversation[] = [
  accepted(),
  withCredentials(),
  refused(),
  early(),
  earlyRefused(),
  earlyItems(),
  earlyOthers(),
  earlyCredit(),
  earlyFlood(),
  mismatches(),
  findsMismatches(),
  numbersAreTheSenders(),
  laterMinor(),
  laterServer(),
  unknownEarly(),
  turnedAway("drain"),
  turnedAway("closed"),
  turnedAway("resume-lost"),
  full(),
  timeouts("client"),
  timeouts("server"),
  new Script(
    "a second HELLO closes the connection",
    "Even with IGNORABLE: the kind is known.",
    { subjects: ["server"] },
  ).opened()
    .client("second HELLO", hello(body, IGNORABLE))
    .closedByServer("protocol"),
  new Script(
    "a call of a method that is not in the list is refused",
    "Number 6 in a list of 6.",
    { subjects: ["server"] },
  ).opened()
    .client("REQUEST 1: method 6", named("REQUEST", 1, call(6, int(1))))
    .server("ERROR 1", error(1, { code: "unimplemented", processed: "no" })),
].map((entry) => entry.conversation);
