/** Conversations about items. */
import {
  call,
  cancel,
  error,
  fields,
  int,
  item,
  MORE,
  named,
  request,
  result,
  str,
} from "./bytes.ts";
import { ADD, CHAT, type Conversation, COUNT, Script, SUM } from "./script.ts";

const ONE = int(1), TWO = int(2), THREE = int(3);

/** Writes a call that its caller breaks while another call continues. */
function broken(
  name: string,
  meaning: string,
  shape: { method: string; number: number; value?: typeof ONE },
  frames: readonly (readonly [about: string, hex: string])[],
  options: { before?: (script: Script) => Script } = {},
): Script {
  const { method, number, value } = shape;
  const script = new Script(name, meaning, { subjects: ["server"] }).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(
      3,
      method,
      request(3, number, value),
      value === undefined ? {} : { value },
    );
  options.before?.(script);
  for (const [about, hex] of frames) script.client(about, hex);
  return script
    .sees("server", "cancelled", { call: 3, reason: "cancelled" })
    .server("ERROR 3", error(3, { code: "malformed" }))
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1: other calls continue", result(1, TWO));
}

/** Writes a call that its callee breaks. */
function brokenByCallee(
  name: string,
  meaning: string,
  shape: { method: string; number: number },
  frames: readonly (readonly [about: string, hex: string])[],
): Script {
  const { method, number } = shape;
  const script = new Script(name, meaning, { subjects: ["client"] }).opened()
    .called(1, method, request(1, number, ONE), { value: ONE });
  for (const [about, hex] of frames) script.server(about, hex);
  return script
    .client("CANCEL 1", cancel(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "malformed", processed: "maybe", retry: "never" },
    })
    .server("RESULT 1: dropped, but ends the call", result(1))
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function serverStream(): Script {
  const script = new Script(
    "a server stream is a REQUEST, items, and a RESULT without a value",
    "The application takes one item after another.",
  ).opened()
    .called(1, "count", request(1, COUNT, THREE), { value: THREE });
  for (const value of [ONE, TWO, THREE]) {
    script
      .do("client", "read", { call: 1 })
      .do("server", "send", { call: 1, value })
      .server("ITEM 1", item(1, value))
      .sees("client", "item", { call: 1, value });
  }
  return script
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .sees("client", "result", { call: 1 });
}

function unread(): Script {
  return new Script(
    "items may wait for the application",
    "They arrive before the application asks for them, and are taken later, even after the RESULT.",
  ).opened()
    .called(1, "count", request(1, COUNT, TWO), { value: TWO })
    .do("server", "send", { call: 1, value: ONE })
    .server("ITEM 1", item(1, ONE))
    .do("server", "send", { call: 1, value: TWO })
    .server("ITEM 1", item(1, TWO))
    .do("client", "read", { call: 1 })
    .sees("client", "item", { call: 1, value: ONE })
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .sees("client", "result", { call: 1 })
    .do("client", "read", { call: 1 })
    .sees("client", "item", { call: 1, value: TWO });
}

function clientStream(): Script {
  const script = new Script(
    "a client stream is a REQUEST, items, END, and a RESULT",
    "Without an opening the REQUEST has no value at all.",
  ).opened()
    .called(1, "sum", request(1, SUM, undefined));
  for (const value of [ONE, TWO]) {
    script
      .do("server", "read", { call: 1 })
      .do("client", "send", { call: 1, value })
      .client("ITEM 1", item(1, value))
      .sees("server", "item", { call: 1, value });
  }
  return script
    .do("client", "end", { call: 1 })
    .client("END 1", named("END", 1))
    .sees("server", "itemsEnded", { call: 1 })
    .do("server", "respond", { call: 1, value: THREE })
    .server("RESULT 1", result(1, THREE))
    .sees("client", "result", { call: 1, value: THREE });
}

function duplex(): Script {
  const room = str("room 7");
  return new Script(
    "a duplex call has items in both directions, and may have an opening",
    "The two directions are independent.",
  ).opened()
    .called(1, "chat", request(1, CHAT, room), { value: room })
    .do("server", "read", { call: 1 })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: str("welcome") })
    .server("ITEM 1, from the callee", item(1, str("welcome")))
    .sees("client", "item", { call: 1, value: str("welcome") })
    .do("client", "send", { call: 1, value: str("hi") })
    .client("ITEM 1, from the caller", item(1, str("hi")))
    .sees("server", "item", { call: 1, value: str("hi") })
    .do("client", "end", { call: 1 })
    .client("END 1", named("END", 1))
    .sees("server", "itemsEnded", { call: 1 })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: str("bye") })
    .server("ITEM 1, after END", item(1, str("bye")))
    .sees("client", "item", { call: 1, value: str("bye") })
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .sees("client", "result", { call: 1 });
}

function fails(): Script {
  const parts = { code: "internal", processed: "yes", incident: "9" } as const;
  return new Script(
    "a stream may end with an ERROR after its items",
    "The items before it are delivered.",
  ).opened()
    .called(1, "count", request(1, COUNT, THREE), { value: THREE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: ONE })
    .server("ITEM 1", item(1, ONE))
    .sees("client", "item", { call: 1, value: ONE })
    .do("server", "fail", { call: 1, ...parts })
    .server("ERROR 1", error(1, parts))
    .sees("client", "failed", { call: 1, retry: "never", ...parts });
}

function earlyAnswer(): Script {
  return new Script(
    "the callee may respond before END",
    "The caller then sends no more; items in transit are dropped.",
  ).opened()
    .called(1, "sum", request(1, SUM, undefined))
    .do("client", "send", { call: 1, value: ONE })
    .client("ITEM 1", item(1, ONE))
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO });
}

function unwanted(): Script {
  return new Script(
    "items that the handler does not need are dropped",
    "The handler has left its loop: further items are not charged, and nothing is granted.",
    {
      subjects: ["server"],
      limits: { server: { streamWindow: 1024, maxStreamWindow: 1024 } },
    },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .client("ITEM 1, unread", item(1, str("x".repeat(200))))
    .do("server", "stopReading", { call: 1 })
    .client("ITEM 1, dropped", item(1, str("x".repeat(250))))
    .client("ITEM 1, dropped", item(1, str("x".repeat(250))))
    .client("END 1", named("END", 1))
    .sees("server", "itemsEnded", { call: 1 })
    .do("server", "respond", { call: 1, value: ONE })
    .server("RESULT 1", result(1, ONE));
}

const sum = { method: "sum", number: SUM };
const add = { method: "add", number: ADD, value: TWO };
const CUT_FIELDS = "0004" + "00";

/** All of them, in the order of PROTOCOL.md. */
export const STREAMS: readonly Conversation[] = [
  serverStream(),
  unread(),
  clientStream(),
  duplex(),
  fails(),
  earlyAnswer(),
  unwanted(),
  broken(
    "an item for a unary call breaks it",
    "Unary calls have no items.",
    add,
    [
      ["ITEM 3", item(3, ONE)],
    ],
  ),
  broken(
    "END of a unary call breaks it",
    "Unary calls have no items to end.",
    add,
    [
      ["END 3", named("END", 3)],
    ],
  ),
  broken(
    "an item after END breaks the call",
    "No item may follow END.",
    sum,
    [["ITEM 3", item(3, ONE)]],
    {
      before: (script) =>
        script
          .client("END 3", named("END", 3))
          .sees("server", "itemsEnded", { call: 3 }),
    },
  ),
  broken(
    "a second END breaks the call",
    "END may occur once.",
    sum,
    [["END 3 again", named("END", 3)]],
    {
      before: (script) =>
        script
          .client("END 3", named("END", 3))
          .sees("server", "itemsEnded", { call: 3 }),
    },
  ),
  broken(
    "END in the middle of an item breaks the call",
    "The item's last frame is missing.",
    sum,
    [
      ["ITEM 3, first part", named("ITEM", 3, fields() + "c4ff00", MORE)],
      ["END 3", named("END", 3)],
    ],
  ),
  broken(
    "an item whose fields are longer than itself breaks the call",
    "They claim 4 bytes, and there is 1.",
    sum,
    [["ITEM 3", named("ITEM", 3, CUT_FIELDS)]],
  ),
  brokenByCallee(
    "an item for the caller of a unary call breaks it",
    "The caller fails the call immediately, sends CANCEL, and drops the terminal.",
    { method: "add", number: ADD },
    [["ITEM 1", item(1, ONE)]],
  ),
  brokenByCallee(
    "a malformed item breaks the call for the caller",
    "Its fields are longer than itself.",
    { method: "count", number: COUNT },
    [["ITEM 1", named("ITEM", 1, CUT_FIELDS)]],
  ),
  new Script(
    "a RESULT in the middle of an item fails the call",
    "A part of an item is not an item: the stream must not appear complete.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .server("ITEM 1, first part", named("ITEM", 1, fields() + "c4ff00", MORE))
    .server("RESULT 1", result(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "malformed", processed: "maybe", retry: "never" },
    }),
  new Script(
    "a server receives items in the same way",
    "A REQUEST for a stream in two frames, followed by items.",
    { subjects: ["server"] },
  ).opened()
    .client(
      "REQUEST 1, first part",
      named("REQUEST", 1, call(SUM, ONE).slice(0, 6), MORE),
    )
    .requested(1, "sum", named("REQUEST", 1, call(SUM, ONE).slice(6)), {
      value: ONE,
    })
    .client("ITEM 1", item(1, TWO))
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: TWO }),
].map((script) => script.conversation);
