/** Conversations about ids, and frames for calls that do not exist. */
import {
  cancel,
  error,
  frame,
  int,
  item,
  named,
  request,
  result,
  uint,
} from "./bytes.ts";
import { ADD, CHAT, type Conversation, Script } from "./script.ts";

const ONE = int(1), TWO = int(2);

/** Writes frames to a server that break a rule of the connection. */
function fault(
  name: string,
  meaning: string,
  frames: readonly (readonly [about: string, hex: string])[],
  lastId = 0,
): Script {
  const script = new Script(name, meaning, { subjects: ["server"] }).opened();
  for (const [about, hex] of frames) script.client(about, hex);
  return script.closedByServer("protocol", lastId);
}

function gaps(): Script {
  return new Script(
    "ids may leave gaps",
    "They only have to rise.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(1001, "add", request(1001, ADD, TWO), { value: TWO })
    .do("server", "respond", { call: 1001, value: ONE })
    .server("RESULT 1001", result(1001, ONE));
}

function late(): Script {
  return new Script(
    "a reply to a call that is over is dropped",
    "A second RESULT, an ERROR, CREDIT and ITEM for the call are all late.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO })
    .server("RESULT 1 again", result(1, TWO))
    .server("ERROR 1", error(1, { code: "internal" }))
    .server("ITEM 1", item(1, TWO))
    .server("CREDIT 1", named("CREDIT", 1, uint(100, 8)))
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function lateForCallee(): Script {
  return new Script(
    "frames for a call that has ended are dropped",
    "CANCEL, ITEM, END and CREDIT crossed the terminal.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "chat", request(1, CHAT, undefined))
    .do("server", "fail", { call: 1, code: "forbidden", processed: "yes" })
    .server("ERROR 1", error(1, { code: "forbidden", processed: "yes" }))
    .client("ITEM 1", item(1, TWO))
    .client("CREDIT 1", named("CREDIT", 1, uint(100, 8)))
    .client("END 1", named("END", 1))
    .client("CANCEL 1", cancel(1))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function fallingId(name: string, id: number): Script {
  return new Script(
    name,
    "Ids must rise. The call in flight is lost with the connection.",
    { subjects: ["server"] },
  ).opened()
    .requested(9, "add", request(9, ADD, ONE), { value: ONE })
    .client(`REQUEST ${id}`, request(id, ADD, TWO))
    .closed("server", "protocol", 9);
}

/** All of them, in the order of PROTOCOL.md. */
export const IDS: readonly Conversation[] = [
  gaps(),
  late(),
  lateForCallee(),
  fallingId("a reused id closes the connection", 9),
  fallingId("a falling id closes the connection", 7),
  fault(
    "an id of the wrong parity closes the connection",
    "The client's ids are odd.",
    [
      ["REQUEST 2", request(2, ADD, ONE)],
    ],
  ),
  fault(
    "a REQUEST without a method closes the connection",
    "It has one byte of its number.",
    [["REQUEST 1", named("REQUEST", 1, "00")]],
    1,
  ),
  fault("a notification with an id closes the connection", "It must be 0.", [
    ["NOTIFY with id 1", frame(0x17, 1, "0003000001")],
  ]),
].map((script) => script.conversation);
