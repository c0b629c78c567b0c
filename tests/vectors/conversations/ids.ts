/** Conversations about ids, and frames for calls that are not there. */
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

/** Frames to a server that break a rule of the connection. */
function fault(
  name: string,
  meaning: string,
  frames: readonly (readonly [about: string, hex: string])[],
  code = "protocol",
): Script {
  const script = new Script(name, meaning, { subjects: ["server"] }).opened();
  for (const [about, hex] of frames) script.d(about, hex);
  return script.closedByServer(code);
}

function gaps(): Script {
  return new Script(
    "ids may leave gaps",
    "They must rise, and that is all.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(1001, "add", request(1001, ADD, TWO), { value: TWO })
    .do("server", "respond", { call: 1001, value: ONE })
    .l("RESULT 1001", result(1001, ONE));
}

function late(): Script {
  return new Script(
    "an answer to a call that is over is dropped",
    "A second RESULT, an ERROR, CREDIT and ITEM for it: all late, all harmless.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO })
    .l("RESULT 1 again", result(1, TWO))
    .l("ERROR 1", error(1, { code: "internal" }))
    .l("ITEM 1", item(1, TWO))
    .l("CREDIT 1", named("CREDIT", 1, uint(100, 4)))
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function lateForCallee(): Script {
  return new Script(
    "frames for a call that was answered are dropped",
    "CANCEL, ITEM, END and CREDIT crossed the answer.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "chat", request(1, CHAT, undefined))
    .do("server", "fail", { call: 1, code: "forbidden", processed: "yes" })
    .l("ERROR 1", error(1, { code: "forbidden", processed: "yes" }))
    .d("ITEM 1", item(1, TWO))
    .d("CREDIT 1", named("CREDIT", 1, uint(100, 4)))
    .d("END 1", named("END", 1))
    .d("CANCEL 1", cancel(1))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function fallingId(name: string, id: number): Script {
  return new Script(
    name,
    "Ids rise. The call that was in flight is lost with the connection.",
    { subjects: ["server"] },
  ).opened()
    .requested(9, "add", request(9, ADD, ONE), { value: ONE })
    .d(`REQUEST ${id}`, request(id, ADD, TWO))
    .closed("server", "protocol", 9);
}

function resultFromCaller(): Script {
  return new Script(
    "RESULT from the caller closes the connection",
    "Only the callee answers.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .d("RESULT 1, of its own call", result(1, ONE))
    .closed("server", "protocol", 1);
}

/** In the order of the document. */
export const IDS: readonly Conversation[] = [
  gaps(),
  late(),
  lateForCallee(),
  fallingId("an id that is used again closes the connection", 9),
  fallingId("an id that falls closes the connection", 7),
  fault("an id of the wrong parity closes the connection", "Odd dials.", [
    ["REQUEST 2", request(2, ADD, ONE)],
  ]),
  fault("id 0 is no call", "It is even, and the session's own.", [
    ["REQUEST 0", request(0, ADD, ONE)],
  ]),
  fault(
    "a REQUEST without a method closes the connection",
    "One byte of its number.",
    [["REQUEST 1", named("REQUEST", 1, "00")]],
  ),
  fault("a notification with an id closes the connection", "It must be 0.", [
    ["NOTIFY with id 1", frame(0x17, 1, "0003000001")],
  ]),
  fault("CANCEL for a call to come closes the connection", "No call 1 yet.", [
    ["CANCEL 1", cancel(1)],
  ]),
  fault("ITEM for a call to come closes the connection", "No call 1 yet.", [
    ["ITEM 1", item(1, ONE)],
  ]),
  fault("END for a call to come closes the connection", "No call 1 yet.", [
    ["END 1", named("END", 1)],
  ]),
  fault("CREDIT for a call to come closes the connection", "No call 1 yet.", [
    ["CREDIT 1", named("CREDIT", 1, uint(1, 4))],
  ]),
  fault(
    "RESULT for a call that was never made closes the connection",
    "The server has called nobody.",
    [["RESULT 2", result(2, ONE)]],
  ),
  resultFromCaller(),
].map((script) => script.conversation);
