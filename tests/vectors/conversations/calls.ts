/** Conversations about unary calls, ids, errors and notifications. */
import {
  cancel,
  deadline,
  error,
  field,
  fields,
  frame,
  int,
  item,
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
  CHAT,
  type Conversation,
  CREATE,
  LOG,
  Script,
} from "./script.ts";

const ONE = int(1), TWO = int(2);

/** Frames to a listener that break a rule of the connection. */
function fault(
  name: string,
  meaning: string,
  frames: readonly (readonly [about: string, hex: string])[],
  code = "protocol",
): Script {
  const script = new Script(name, meaning, { subjects: ["listener"] }).opened();
  for (const [about, hex] of frames) script.d(about, hex);
  return script.closedByListener(code);
}

/** A request that is refused; the connection goes on. */
function refused(
  name: string,
  meaning: string,
  hex: string,
  code: string,
): Script {
  return new Script(name, meaning, { subjects: ["listener"] }).opened()
    .d("REQUEST 1", hex)
    .l("ERROR 1", error(1, { code, processed: "no" }))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

/** What a caller makes of an answer. */
function answered(
  name: string,
  meaning: string,
  answer: string,
  seen: Record<string, unknown>,
): Script {
  return new Script(name, meaning, { subjects: ["dialler"] }).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("the answer", answer)
    .sees("dialler", "failed", { call: 1, retry: "never", ...seen });
}

function failing(
  name: string,
  meaning: string,
  parts: Parameters<typeof error>[1],
): Script {
  return new Script(name, meaning).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("listener", "fail", {
      call: 1,
      ...parts,
      ...(parts.data === undefined ? {} : { data: parts.data.json }),
    })
    .l("ERROR 1", error(1, parts))
    .sees("dialler", "failed", {
      call: 1,
      retry: "never",
      ...parts,
      ...(parts.data === undefined ? {} : { data: parts.data.json }),
    });
}

function unary(): Script {
  const input = map({ a: ONE, b: TWO });
  return new Script(
    "a unary call is a REQUEST and a RESULT",
    "Ids of the dialler begin with 1.",
  ).opened()
    .called(1, "add", request(1, ADD, input), { value: input })
    .do("listener", "respond", { call: 1, value: int(3) })
    .l("RESULT 1", result(1, int(3)))
    .sees("dialler", "result", { call: 1, value: int(3) })
    .called(3, "add", request(3, ADD, ONE), { value: ONE })
    .do("listener", "respond", { call: 3, value: TWO })
    .l("RESULT 3", result(3, TWO))
    .sees("dialler", "result", { call: 3, value: TWO });
}

function withFields(): Script {
  const asks = { trace: "00-ab", lang: "de" };
  const answers = { cost: "4" };
  return new Script(
    "deadline and metadata travel as fields",
    "DEADLINE is what is left, in ms; metadata go both ways.",
  ).opened()
    .called(
      1,
      "add",
      request(1, ADD, ONE, deadline(1500), metadata(asks)),
      { value: ONE, timeout: 1500, metadata: asks },
    )
    .do("listener", "respond", { call: 1, value: TWO, metadata: answers })
    .l("RESULT 1", result(1, TWO, metadata(answers)))
    .sees("dialler", "result", { call: 1, value: TWO, metadata: answers });
}

function noValue(): Script {
  return new Script(
    "no value is a value of its own",
    'In MessagePack "undefined" is d4 00 00.',
  ).opened()
    .called(1, "add", request(1, ADD, NONE), { value: NONE })
    .do("listener", "respond", { call: 1, value: NONE })
    .l("RESULT 1", result(1, NONE))
    .sees("dialler", "result", { call: 1, value: NONE });
}

function outOfOrder(): Script {
  return new Script(
    "answers come in any order",
    "Calls have no order among each other.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "orders.create", request(3, CREATE, TWO), { value: TWO })
    .do("listener", "respond", { call: 3, value: str("second") })
    .l("RESULT 3", result(3, str("second")))
    .sees("dialler", "result", { call: 3, value: str("second") })
    .do("listener", "respond", { call: 1, value: str("first") })
    .l("RESULT 1", result(1, str("first")))
    .sees("dialler", "result", { call: 1, value: str("first") });
}

function back(): Script {
  return new Script(
    "the listener calls too, with even ids",
    "Method numbers are of the listener's own list. The two directions do not meet.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(2, "ask", request(2, ASK, str("name?")), { value: str("name?") })
    .do("dialler", "respond", { call: 2, value: str("Ada") })
    .d("RESULT 2", result(2, str("Ada")))
    .sees("listener", "result", { call: 2, value: str("Ada") })
    .do("listener", "respond", { call: 1, value: TWO })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO });
}

function gaps(): Script {
  return new Script(
    "ids may leave gaps",
    "They must rise, and that is all.",
    { subjects: ["listener"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(1001, "add", request(1001, ADD, TWO), { value: TWO })
    .do("listener", "respond", { call: 1001, value: ONE })
    .l("RESULT 1001", result(1001, ONE));
}

function late(): Script {
  return new Script(
    "an answer to a call that is over is dropped",
    "A second RESULT, an ERROR, CREDIT and ITEM for it: all late, all harmless.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO })
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
    { subjects: ["listener"] },
  ).opened()
    .requested(1, "chat", request(1, CHAT, undefined))
    .do("listener", "fail", { call: 1, code: "forbidden", processed: "yes" })
    .l("ERROR 1", error(1, { code: "forbidden", processed: "yes" }))
    .d("ITEM 1", item(1, TWO))
    .d("CREDIT 1", named("CREDIT", 1, uint(100, 4)))
    .d("END 1", named("END", 1))
    .d("CANCEL 1", cancel(1))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function tooManyCalls(): Script {
  const script = new Script(
    "one call more than the callee takes is refused",
    "maxCalls is 32 here. The refused call was not processed; when one ends there is a place again.",
    { subjects: ["listener"], limits: { listener: { maxCalls: 32 } } },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.requested(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .d("REQUEST 65", request(65, ADD, ONE))
    .l(
      "ERROR 65",
      error(65, { code: "overloaded", processed: "no", retry: "later" }),
    )
    .do("listener", "respond", { call: 1, value: ONE })
    .l("RESULT 1", result(1, ONE))
    .requested(67, "add", request(67, ADD, ONE), { value: ONE });
}

function waits(): Script {
  const script = new Script(
    "a caller keeps within the callee's maxCalls",
    "The 33rd call leaves when the first has ended.",
    { limits: { listener: { maxCalls: 32 } } },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.called(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .do("dialler", "call", { call: 65, method: "add", value: TWO })
    .do("listener", "respond", { call: 5, value: ONE })
    .l("RESULT 5", result(5, ONE))
    .sees("dialler", "result", { call: 5, value: ONE })
    .d("REQUEST 65: it has waited", request(65, ADD, TWO))
    .sees("listener", "request", { call: 65, method: "add", value: TWO });
}

function unknownFields(): Script {
  return new Script(
    "unknown fields are passed over",
    "Type 0x6f, and RETRY_AFTER where it means nothing, around metadata.",
    { subjects: ["listener"] },
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
    "a notification has id 0 and no answer",
    "In both directions, each by the sender's own list.",
  ).opened()
    .do("dialler", "notify", {
      method: "log",
      value: str("hi"),
      metadata: { at: "5" },
    })
    .d("NOTIFY log", notify(LOG, str("hi"), metadata({ at: "5" })))
    .sees("listener", "notified", {
      method: "log",
      value: str("hi"),
      metadata: { at: "5" },
    })
    .do("listener", "notify", { method: "alert", value: str("ho") })
    .l("NOTIFY alert", notify(ALERT, str("ho")))
    .sees("dialler", "notified", { method: "alert", value: str("ho") });
}

function droppedNotifications(): Script {
  return new Script(
    "notifications that cannot be handled are dropped",
    "An unknown number, a unary method, malformed fields: nobody waits for an answer.",
    { subjects: ["listener"] },
  ).opened()
    .d("NOTIFY 77", notify(77, ONE))
    .d("NOTIFY add, which is unary", notify(ADD, ONE))
    .d("NOTIFY log, fields cut", named("NOTIFY", 0, uint(LOG, 2) + "0009"))
    .d("NOTIFY log", notify(LOG, ONE))
    .sees("listener", "notified", { method: "log", value: ONE });
}

function requestedNotification(): Script {
  return new Script(
    "a REQUEST for a notification is refused",
    "Notifications come with NOTIFY.",
    { subjects: ["listener"] },
  ).opened()
    .d("REQUEST 1: log", request(1, LOG, ONE))
    .l("ERROR 1", error(1, { code: "unimplemented", processed: "no" }));
}

function fallingId(name: string, id: number): Script {
  return new Script(
    name,
    "Ids rise. The call that was in flight is lost with the connection.",
    { subjects: ["listener"] },
  ).opened()
    .requested(9, "add", request(9, ADD, ONE), { value: ONE })
    .d(`REQUEST ${id}`, request(id, ADD, TWO))
    .closed("listener", "protocol", 9);
}

function resultFromCaller(): Script {
  return new Script(
    "RESULT from the caller closes the connection",
    "Only the callee answers.",
    { subjects: ["listener"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .d("RESULT 1, of its own call", result(1, ONE))
    .closed("listener", "protocol", 1);
}

const CUT = uint(ADD, 2) + "0008" + "010004";

/** In the order of the document. */
export const CALLS: readonly Conversation[] = [
  unary(),
  withFields(),
  noValue(),
  outOfOrder(),
  back(),
  gaps(),
  unknownFields(),
  failing(
    "a declared error has a name and data",
    "Code 0: the application's own, apart from those of the protocol.",
    {
      code: "declared",
      processed: "yes",
      declared: "outOfStock",
      data: map({ left: TWO }),
      text: "only two left",
    },
  ),
  failing(
    "an undeclared failure is an incident and nothing more",
    "The id joins what the caller sees with what the callee logged.",
    { code: "internal", processed: "yes", incident: "4711-a", text: "failed" },
  ),
  failing(
    "a handler may ask for a retry later",
    "RETRY_AFTER is in ms.",
    {
      code: "overloaded",
      processed: "no",
      retry: "later",
      retryAfter: 2000,
      text: "busy",
    },
  ),
  late(),
  lateForCallee(),
  waits(),
  tooManyCalls(),
  refused(
    "a REQUEST with malformed fields is refused",
    "The block claims 8 bytes, there are 3.",
    named("REQUEST", 1, CUT),
    "malformed",
  ),
  refused(
    "a REQUEST whose deadline is not 4 bytes is refused",
    "DEADLINE is a u32.",
    request(1, ADD, ONE, field(0x01, "000001")),
    "malformed",
  ),
  refused(
    "a REQUEST whose metadata is cut is refused",
    "The key claims 9 bytes.",
    request(1, ADD, ONE, field(0x02, "0961")),
    "malformed",
  ),
  refused(
    "a REQUEST with too many metadata is refused",
    "More than 8 KiB of them, with the default limits.",
    request(1, ADD, ONE, metadata({ a: "x".repeat(8_200) })),
    "malformed",
  ),
  refused(
    "a REQUEST whose deadline has passed is refused",
    "0 ms are left.",
    request(1, ADD, ONE, deadline(0)),
    "deadline",
  ),
  requestedNotification(),
  answered(
    "an unknown code is read as internal",
    "So are an unknown processed as maybe, an unknown retry as never.",
    named("ERROR", 1, "c8090900" + fields(field(0x10, "6f64"))),
    { code: "internal", processed: "maybe" },
  ),
  answered(
    "data that cannot be decoded are left out of an error",
    "The error is worth more than its data.",
    named("ERROR", 1, "00020000" + fields(field(0x12, "61")) + "c1"),
    { code: "declared", processed: "yes", declared: "a" },
  ),
  answered(
    "a malformed RESULT fails the call",
    "The block of fields is longer than the frame.",
    named("RESULT", 1, "00ff01"),
    { code: "malformed", processed: "maybe" },
  ),
  answered(
    "a malformed ERROR fails the call",
    "It ends within its fixed members.",
    named("ERROR", 1, "0500"),
    { code: "malformed", processed: "maybe" },
  ),
  notification(),
  droppedNotifications(),
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
    "The listener has called nobody.",
    [["RESULT 2", result(2, ONE)]],
  ),
  resultFromCaller(),
].map((script) => script.conversation);
