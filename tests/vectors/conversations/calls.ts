/** Conversations about unary calls and notifications. */
import {
  deadline,
  error,
  field,
  int,
  map,
  metadata,
  named,
  NONE,
  notify,
  request,
  result,
  str,
  uint,
} from "./bytes.ts";
import {
  ADD,
  ALERT,
  ASK,
  type Conversation,
  CREATE,
  LOG,
  Script,
} from "./script.ts";

const ONE = int(1), TWO = int(2);

function unary(): Script {
  const input = map({ a: ONE, b: TWO });
  return new Script(
    "a unary call is a REQUEST and a RESULT",
    "The client's ids begin with 1.",
  ).opened()
    .called(1, "add", request(1, ADD, input), { value: input })
    .do("server", "respond", { call: 1, value: int(3) })
    .server("RESULT 1", result(1, int(3)))
    .sees("client", "result", { call: 1, value: int(3) })
    .called(3, "add", request(3, ADD, ONE), { value: ONE })
    .do("server", "respond", { call: 3, value: TWO })
    .server("RESULT 3", result(3, TWO))
    .sees("client", "result", { call: 3, value: TWO });
}

function withFields(): Script {
  const asks = { trace: "00-ab", lang: "de" };
  const answers = { cost: "4" };
  return new Script(
    "deadline and metadata are sent as fields",
    "DEADLINE is the time left, in ms; metadata goes in both directions.",
  ).opened()
    .called(
      1,
      "add",
      request(1, ADD, ONE, deadline(1500), metadata(asks)),
      { value: ONE, timeout: 1500, metadata: asks },
    )
    .do("server", "respond", { call: 1, value: TWO, metadata: answers })
    .server("RESULT 1", result(1, TWO, metadata(answers)))
    .sees("client", "result", { call: 1, value: TWO, metadata: answers });
}

function noValue(): Script {
  return new Script(
    '"no value" has its own encoding',
    'In MessagePack "undefined" is d4 00 00.',
  ).opened()
    .called(1, "add", request(1, ADD, NONE), { value: NONE })
    .do("server", "respond", { call: 1, value: NONE })
    .server("RESULT 1", result(1, NONE))
    .sees("client", "result", { call: 1, value: NONE });
}

function outOfOrder(): Script {
  return new Script(
    "results arrive in any order",
    "There is no order among calls.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "orders.create", request(3, CREATE, TWO), { value: TWO })
    .do("server", "respond", { call: 3, value: str("second") })
    .server("RESULT 3", result(3, str("second")))
    .sees("client", "result", { call: 3, value: str("second") })
    .do("server", "respond", { call: 1, value: str("first") })
    .server("RESULT 1", result(1, str("first")))
    .sees("client", "result", { call: 1, value: str("first") });
}

function back(): Script {
  return new Script(
    "the server calls too, with even ids",
    "Method numbers refer to the server's own list. The two directions are independent.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(2, "ask", request(2, ASK, str("name?")), { value: str("name?") })
    .do("client", "respond", { call: 2, value: str("Ada") })
    .client("RESULT 2", result(2, str("Ada")))
    .sees("server", "result", { call: 2, value: str("Ada") })
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO });
}

function tooManyCalls(): Script {
  const script = new Script(
    "a call beyond maxCalls is refused",
    "maxCalls is 32. The refused call was not processed; when another ends, there is a place again.",
    { subjects: ["server"], limits: { server: { maxCalls: 32 } } },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.requested(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .client("REQUEST 65", request(65, ADD, ONE))
    .server(
      "ERROR 65",
      error(65, { code: "overloaded", processed: "no", retry: "later" }),
    )
    .do("server", "respond", { call: 1, value: ONE })
    .server("RESULT 1", result(1, ONE))
    .requested(67, "add", request(67, ADD, ONE), { value: ONE });
}

function waits(): Script {
  const script = new Script(
    "a caller keeps within the callee's maxCalls",
    "The 33rd call is sent when an earlier one has ended.",
    { limits: { server: { maxCalls: 32 } } },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.called(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .do("client", "call", { call: 65, method: "add", value: TWO })
    .do("server", "respond", { call: 5, value: ONE })
    .server("RESULT 5", result(5, ONE))
    .sees("client", "result", { call: 5, value: ONE })
    .client("REQUEST 65, after waiting", request(65, ADD, TWO))
    .sees("server", "request", { call: 65, method: "add", value: TWO });
}

function unknownFields(): Script {
  return new Script(
    "unknown fields are skipped",
    "Type 0x6f, and RETRY_AFTER, which has no meaning here, around metadata.",
    { subjects: ["server"] },
  ).opened()
    .requested(
      1,
      "add",
      request(
        1,
        ADD,
        ONE,
        field(0x6f, "beef"),
        metadata({ a: "1" }),
        field(0x13, uint(5, 4)),
      ),
      { value: ONE, metadata: { a: "1" } },
    );
}

function notification(): Script {
  return new Script(
    "a notification has id 0 and no reply",
    "In both directions, each with a number of the sender's own list.",
  ).opened()
    .do("client", "notify", {
      method: "log",
      value: str("hi"),
      metadata: { at: "5" },
    })
    .client("NOTIFY log", notify(LOG, str("hi"), metadata({ at: "5" })))
    .sees("server", "notified", {
      method: "log",
      value: str("hi"),
      metadata: { at: "5" },
    })
    .do("server", "notify", { method: "alert", value: str("ho") })
    .server("NOTIFY alert", notify(ALERT, str("ho")))
    .sees("client", "notified", { method: "alert", value: str("ho") });
}

function droppedNotifications(): Script {
  return new Script(
    "notifications that cannot be handled are dropped",
    "An unknown number, a unary method, malformed fields: there is no reply.",
    { subjects: ["server"] },
  ).opened()
    .client("NOTIFY 77", notify(77, ONE))
    .client("NOTIFY add, which is unary", notify(ADD, ONE))
    .client(
      "NOTIFY log, with truncated fields",
      named("NOTIFY", 0, uint(LOG, 2) + "0009"),
    )
    .client("NOTIFY log", notify(LOG, ONE))
    .sees("server", "notified", { method: "log", value: ONE });
}

/** All of them, in the order of PROTOCOL.md. */
export const CALLS: readonly Conversation[] = [
  unary(),
  withFields(),
  noValue(),
  outOfOrder(),
  back(),
  unknownFields(),
  waits(),
  tooManyCalls(),
  notification(),
  droppedNotifications(),
].map((script) => script.conversation);
