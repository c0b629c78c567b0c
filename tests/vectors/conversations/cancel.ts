/** Conversations about cancellation and deadlines. */
import {
  cancel,
  deadline,
  error,
  int,
  item,
  named,
  request,
  result,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import {
  ADD,
  type Conversation,
  COUNT,
  other,
  Script,
  type Side,
  SUM,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
const CANCELLED = { code: "cancelled", processed: "yes" } as const;
const DEADLINE = { code: "deadline", processed: "maybe" } as const;

function cancelled(): Script {
  return new Script(
    "CANCEL is a hint, and the callee still owes its terminal",
    "The caller's application hears at once; the ERROR frees the call's place, and is dropped.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .cancelled(1)
    .do("server", "fail", { call: 1, ...CANCELLED })
    .l("ERROR 1", error(1, CANCELLED))
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
}

function finishedAnyway(): Script {
  return new Script(
    "a handler that finishes after a CANCEL has been processed",
    "Its result is of no use to the caller; the ERROR says that it ran.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .cancelled(1)
    .do("server", "respond", { call: 1, value: TWO })
    .l("ERROR 1", error(1, { code: "cancelled", processed: "yes" }));
}

function crosses(caller: Side): Script {
  const script = new Script(
    `a RESULT and the ${caller}'s CANCEL cross`,
    "The call is over for the callee, and the CANCEL late; it has ended for the caller's application, and the RESULT is dropped.",
  ).opened();
  const callee = other(caller);
  const call = new CallScript(script, caller, "unary").opens(ONE);
  script
    .do(callee, "respond", { call: call.id, value: TWO })
    .do(caller, "cancel", { call: call.id })
    .frame(caller, `CANCEL ${call.id}`, cancel(call.id));
  call.failed({ code: "cancelled", processed: "maybe", retry: "never" });
  script.frame(callee, `RESULT ${call.id}`, result(call.id, TWO)).crosses();
  new CallScript(script, caller, "unary", 1).opens(TWO).responds(ONE);
  return script;
}

function cancelledStream(): Script {
  return new Script(
    "CANCEL ends a stream",
    "Items that wait for the application are gone with it.",
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: ONE })
    .l("ITEM 1", item(1, ONE))
    .sees("client", "item", { call: 1, value: ONE })
    .cancelled(1)
    .do("server", "fail", { call: 1, ...CANCELLED })
    .l("ERROR 1", error(1, CANCELLED));
}

function itemsOnTheWay(): Script {
  const script = new Script(
    "items that cross a CANCEL are dropped",
    "Nothing is granted for them: the account has ended with the call.",
    { limits: { client: { streamWindow: 1024, maxStreamWindow: 1024 } } },
  ).opened();
  const call = new CallScript(script, "client", "serverStream").opens(ONE);
  for (const value of [ONE, TWO]) {
    script.do("server", "send", { call: 1, value });
  }
  script.do("client", "cancel", { call: 1 }).d("CANCEL 1", cancel(1));
  call.failed({ code: "cancelled", processed: "maybe", retry: "never" });
  for (const value of [ONE, TWO]) {
    script.l("ITEM 1, on the way", item(1, value)).crosses();
  }
  call.stopped("cancelled").settles(CANCELLED);
  new CallScript(script, "client", "serverStream", 1).opens(TWO);
  return script;
}

function cancelledUpload(): Script {
  return new Script(
    "what follows a CANCEL is dropped",
    "An item and an END that the caller had no business to send.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .d("CANCEL 1", cancel(1))
    .sees("server", "cancelled", { call: 1, reason: "cancelled" })
    .d("ITEM 1", item(1, ONE))
    .d("END 1", named("END", 1))
    .d("CANCEL 1 again", cancel(1))
    .do("server", "fail", { call: 1, ...CANCELLED })
    .l("ERROR 1", error(1, CANCELLED));
}

function holdsItsPlace(): Script {
  const limits = { server: { maxCalls: 32 } };
  const script = new Script(
    "a cancelled call holds its place until its handler has settled",
    "maxCalls is 32 here: making and cancelling calls in a loop gains nothing.",
    { subjects: ["server"], limits },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.requested(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .d("CANCEL 1", cancel(1))
    .sees("server", "cancelled", { call: 1, reason: "cancelled" })
    .d("REQUEST 65", request(65, ADD, ONE))
    .l(
      "ERROR 65",
      error(65, { code: "overloaded", processed: "no", retry: "later" }),
    )
    .do("server", "fail", { call: 1, ...CANCELLED })
    .l("ERROR 1", error(1, CANCELLED))
    .requested(67, "add", request(67, ADD, ONE), { value: ONE });
}

function tooMany(): Script {
  const script = new Script(
    "too many CANCELs close the connection",
    "1 a second here, with a burst of maxCalls, 32. A second CANCEL, and one that comes too late, do not count.",
    {
      subjects: ["server"],
      limits: { server: { cancelsPerSecond: 1, maxCalls: 32 } },
    },
  ).opened();
  for (let id = 1; id < 65; id += 2) {
    script
      .requested(id, "add", request(id, ADD, ONE), { value: ONE })
      .d(`CANCEL ${id}`, cancel(id))
      .sees("server", "cancelled", { call: id, reason: "cancelled" })
      .d(`CANCEL ${id}, again`, cancel(id))
      .do("server", "fail", { call: id, ...CANCELLED })
      .l(`ERROR ${id}`, error(id, CANCELLED))
      .d(`CANCEL ${id}, late`, cancel(id));
  }
  return script
    .requested(65, "add", request(65, ADD, ONE), { value: ONE })
    .d("CANCEL 65, number 33", cancel(65))
    .closed("server", "too-many", 65);
}

function runsOut(): Script {
  return new Script(
    "when a deadline has passed, each side acts on its own",
    "The caller sends CANCEL with reason 1, the callee has told its handler already.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE, deadline(80)), {
      value: ONE,
      timeout: 80,
    })
    .advance(88)
    .d("CANCEL 1, reason 1", cancel(1, 1))
    .sees("client", "failed", { call: 1, ...DEADLINE, retry: "never" })
    .sees("server", "cancelled", { call: 1, reason: "deadline" })
    .do("server", "fail", { call: 1, ...DEADLINE })
    .l("ERROR 1", error(1, DEADLINE))
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
}

function reasons(): Script {
  return new Script(
    "CANCEL says why",
    "1 is a deadline; an unknown reason, or none, is a plain cancel.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(3, "add", request(3, ADD, ONE), { value: ONE })
    .requested(5, "add", request(5, ADD, ONE), { value: ONE })
    .d("CANCEL 1, reason 1", cancel(1, 1))
    .sees("server", "cancelled", { call: 1, reason: "deadline" })
    .d("CANCEL 3, reason 77", cancel(3, 77))
    .sees("server", "cancelled", { call: 3, reason: "cancelled" })
    .d("CANCEL 5, without a reason", named("CANCEL", 5))
    .sees("server", "cancelled", { call: 5, reason: "cancelled" });
}

function shrinks(): Script {
  const limits = { server: { maxCalls: 32 } };
  const script = new Script(
    "a call that waits has less time left when it leaves",
    "The 33rd of 32 calls waits 500 ms of its 1,500.",
    { limits },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.called(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .do("client", "call", {
      call: 65,
      method: "add",
      value: TWO,
      timeout: 1500,
    })
    .advance(500)
    .do("server", "respond", { call: 1, value: ONE })
    .l("RESULT 1", result(1, ONE))
    .sees("client", "result", { call: 1, value: ONE })
    .d("REQUEST 65: 1,000 ms left", request(65, ADD, TWO, deadline(1000)))
    .sees("server", "request", {
      ...{ call: 65, method: "add", value: TWO, timeout: 1000 },
    });
}

/** In the order of the document. */
export const CANCEL: readonly Conversation[] = [
  cancelled(),
  finishedAnyway(),
  ...SIDES.map(crosses),
  cancelledStream(),
  itemsOnTheWay(),
  cancelledUpload(),
  holdsItsPlace(),
  tooMany(),
  runsOut(),
  reasons(),
  shrinks(),
].map((script) => script.conversation);
