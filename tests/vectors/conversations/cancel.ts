/** Conversations about cancellation and deadlines of the client's calls. */
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
    "CANCEL is a hint, and the callee must still send its terminal",
    "The caller's application is notified immediately; the ERROR frees the call's place and is dropped.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .cancelled(1)
    .do("server", "fail", { call: 1, ...CANCELLED })
    .server("ERROR 1", error(1, CANCELLED))
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
}

function finishedAnyway(): Script {
  return new Script(
    "a handler that finishes after a CANCEL has been processed",
    "Its result is not sent; the ERROR says that it ran.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .cancelled(1)
    .do("server", "respond", { call: 1, value: TWO })
    .server("ERROR 1", error(1, { code: "cancelled", processed: "yes" }));
}

function crosses(caller: Side): Script {
  const script = new Script(
    `a RESULT and the ${caller}'s CANCEL cross`,
    "The call is over for the callee, so the CANCEL is late; it has ended for the caller's application, so the RESULT is dropped.",
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
    "Items that wait for the application are dropped.",
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: ONE })
    .server("ITEM 1", item(1, ONE))
    .sees("client", "item", { call: 1, value: ONE })
    .cancelled(1)
    .do("server", "fail", { call: 1, ...CANCELLED })
    .server("ERROR 1", error(1, CANCELLED));
}

function itemsOnTheWay(): Script {
  const script = new Script(
    "items that cross a CANCEL are dropped",
    "No credit is granted for them: the account has ended with the call.",
    { limits: { client: { streamWindow: 1024, maxStreamWindow: 1024 } } },
  ).opened();
  const call = new CallScript(script, "client", "serverStream").opens(ONE);
  for (const value of [ONE, TWO]) {
    script.do("server", "send", { call: 1, value });
  }
  script.do("client", "cancel", { call: 1 }).client("CANCEL 1", cancel(1));
  call.failed({ code: "cancelled", processed: "maybe", retry: "never" });
  for (const value of [ONE, TWO]) {
    script.server("ITEM 1, in transit", item(1, value)).crosses();
  }
  call.stopped("cancelled").settles(CANCELLED);
  new CallScript(script, "client", "serverStream", 1).opens(TWO);
  return script;
}

function cancelledUpload(): Script {
  return new Script(
    "frames after a CANCEL are dropped",
    "An item and an END that the caller must not send.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .client("CANCEL 1", cancel(1))
    .sees("server", "cancelled", { call: 1, reason: "cancelled" })
    .client("ITEM 1", item(1, ONE))
    .client("END 1", named("END", 1))
    .client("CANCEL 1 again", cancel(1))
    .do("server", "fail", { call: 1, ...CANCELLED })
    .server("ERROR 1", error(1, CANCELLED));
}

function holdsItsPlace(): Script {
  const limits = { server: { maxCalls: 32 } };
  const script = new Script(
    "a cancelled call holds its place until its handler has settled",
    "maxCalls is 32: making and cancelling calls in a loop gains nothing.",
    { subjects: ["server"], limits },
  ).opened();
  for (let id = 1; id < 64; id += 2) {
    script.requested(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script
    .client("CANCEL 1", cancel(1))
    .sees("server", "cancelled", { call: 1, reason: "cancelled" })
    .client("REQUEST 65", request(65, ADD, ONE))
    .server(
      "ERROR 65",
      error(65, { code: "overloaded", processed: "no", retry: "later" }),
    )
    .do("server", "fail", { call: 1, ...CANCELLED })
    .server("ERROR 1", error(1, CANCELLED))
    .requested(67, "add", request(67, ADD, ONE), { value: ONE });
}

function tooMany(): Script {
  const script = new Script(
    "terminals of calls that are cancelled too fast are held",
    "1 a second, with a burst of maxCalls, 32. Second and late CANCELs do not count. The 33rd call keeps its place for a second.",
    {
      subjects: ["server"],
      limits: { server: { cancelsPerSecond: 1, maxCalls: 32 } },
    },
  ).opened();
  for (let id = 1; id < 65; id += 2) {
    script
      .requested(id, "add", request(id, ADD, ONE), { value: ONE })
      .client(`CANCEL ${id}`, cancel(id))
      .sees("server", "cancelled", { call: id, reason: "cancelled" })
      .client(`CANCEL ${id}, again`, cancel(id))
      .do("server", "fail", { call: id, ...CANCELLED })
      .server(`ERROR ${id}`, error(id, CANCELLED))
      .client(`CANCEL ${id}, late`, cancel(id));
  }
  return script
    .requested(65, "add", request(65, ADD, ONE), { value: ONE })
    .client("CANCEL 65, number 33", cancel(65))
    .sees("server", "cancelled", { call: 65, reason: "cancelled" })
    .do("server", "fail", { call: 65, ...CANCELLED })
    .requested(67, "add", request(67, ADD, ONE), { value: ONE })
    .do("server", "respond", { call: 67, value: TWO })
    .server("RESULT 67", result(67, TWO))
    .advance(1016)
    .server("ERROR 65: held for a second", error(65, CANCELLED));
}

function runsOut(): Script {
  return new Script(
    "when a deadline passes, each end acts on its own",
    "The caller sends CANCEL with reason 1; the callee has already cancelled its handler.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE, deadline(80)), {
      value: ONE,
      timeout: 80,
    })
    .advance(88)
    .client("CANCEL 1, reason 1", cancel(1, 1))
    .sees("client", "failed", { call: 1, ...DEADLINE, retry: "never" })
    .sees("server", "cancelled", { call: 1, reason: "deadline" })
    .do("server", "fail", { call: 1, ...DEADLINE })
    .server("ERROR 1", error(1, DEADLINE))
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
}

function reasons(): Script {
  return new Script(
    "CANCEL contains the reason",
    "1 is a deadline; an unknown or missing reason is a plain cancel.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .requested(3, "add", request(3, ADD, ONE), { value: ONE })
    .requested(5, "add", request(5, ADD, ONE), { value: ONE })
    .client("CANCEL 1, reason 1", cancel(1, 1))
    .sees("server", "cancelled", { call: 1, reason: "deadline" })
    .client("CANCEL 3, reason 77", cancel(3, 77))
    .sees("server", "cancelled", { call: 3, reason: "cancelled" })
    .client("CANCEL 5, without a reason", named("CANCEL", 5))
    .sees("server", "cancelled", { call: 5, reason: "cancelled" });
}

function shrinks(): Script {
  const limits = { server: { maxCalls: 32 } };
  const script = new Script(
    "a call that waits has less time left when it is sent",
    "maxCalls is 32, and the 33rd call waits 500 ms of its 1,500.",
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
    .server("RESULT 1", result(1, ONE))
    .sees("client", "result", { call: 1, value: ONE })
    .client("REQUEST 65: 1,000 ms left", request(65, ADD, TWO, deadline(1000)))
    .sees("server", "request", {
      ...{ call: 65, method: "add", value: TWO, timeout: 1000 },
    });
}

/** All of them, in the order of PROTOCOL.md. */
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
