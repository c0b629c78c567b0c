/**
 * Conversations about frames that reach a caller before it has sent the last
 * frame of the REQUEST, or while a reply is incomplete.
 *
 * @module
 */
import {
  bin,
  call,
  cancel,
  credit,
  error,
  fields,
  fragments,
  int,
  item,
  MORE,
  named,
  REQUESTS,
  result,
  window,
} from "./bytes.ts";
import { CallScript, type CallShape, SIDES } from "./call_script.ts";
import { PART, send } from "./fragments.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
/** A value for which 65,536 bytes of credit are not enough. */
const LARGE = bin("ef", 100_000);
/** The charges of the four parts that the credit suffices for. */
const CHARGES = 4 * (PART + 64);

const BROKEN = { code: "malformed", retry: "never" } as const;

/** Writes a call whose REQUEST lacks the credit for its fifth frame. */
function begun(
  caller: Side,
  shape: CallShape,
  { name, meaning }: { name: string; meaning: string },
): { script: Script; asked: CallScript } {
  const script = new Script(
    `${name} before the REQUEST of the ${caller} is complete`,
    `${meaning} The fifth frame of the REQUEST waits for credit: 65,536 − 4 × 16,448.`,
    {
      subjects: [caller],
      limits: {
        [other(caller)]: { maxFrameBody: PART, connectionWindow: 65_536 },
      },
    },
  ).opened();
  const asked = new CallScript(script, caller, shape).asks(LARGE);
  const parts = fragments("REQUEST", asked.id, call(asked.number, LARGE), PART);
  send(script, caller, parts.slice(0, 4));
  return { script, asked };
}

/** Writes that the rest is not sent, and the next call is. */
function continues(script: Script, caller: Side): Script {
  script.frame(
    other(caller),
    "WINDOW: the parts that have arrived",
    window(REQUESTS, 65_536 + CHARGES),
  );
  new CallScript(script, caller, "unary", 1).asks(TWO).leaves(TWO);
  return script;
}

/** A frame that the callee must not send yet, which is not the terminal. */
function breaks(
  caller: Side,
  shape: CallShape,
  { name, frame }: { name: string; frame: (id: number) => string },
): Script {
  const { script, asked } = begun(caller, shape, {
    name,
    meaning:
      "It breaks the call: the caller sends CANCEL, drops the rest of the REQUEST, and waits for the terminal.",
  });
  const callee = other(caller);
  const { id } = asked;
  script.frame(callee, name, frame(id))
    .frame(caller, `CANCEL ${id}`, cancel(id));
  asked.failed({ ...BROKEN, processed: "no" });
  script.frame(callee, `${name} again: dropped`, frame(id))
    .frame(
      callee,
      `ERROR ${id}: dropped`,
      error(id, { code: "cancelled", processed: "no" }),
    );
  return continues(script, caller);
}

function earlyResult(caller: Side): Script {
  const { script, asked } = begun(caller, "unary", {
    name: "a RESULT",
    meaning: "It fails the call, and is its terminal: no CANCEL is sent.",
  });
  script.frame(other(caller), "RESULT", result(asked.id, ONE));
  asked.failed({ ...BROKEN, processed: "no" });
  return continues(script, caller);
}

function refused(caller: Side): Script {
  const { script, asked } = begun(caller, "unary", {
    name: "an ERROR",
    meaning: "The callee may refuse the call: the rest is not sent.",
  });
  asked.failedByCallee({
    code: "overloaded",
    processed: "no",
    retry: "later",
  });
  return continues(script, caller);
}

function amidReply(caller: Side, kind: "RESULT" | "ERROR"): Script {
  const callee = other(caller);
  const script = new Script(
    `an item between the frames of ${
      kind === "ERROR" ? "an ERROR" : "a RESULT"
    } breaks the call of the ${caller}`,
    "The frames of a reply are contiguous. The last of them is the terminal, and is dropped.",
    { subjects: [caller] },
  ).opened();
  const stream = new CallScript(script, caller, "serverStream").asks(ONE)
    .leaves(ONE);
  const { id } = stream;
  script
    .frame(callee, `${kind} ${id}, first part`, named(kind, id, "00", MORE))
    .frame(callee, `ITEM ${id}`, item(id, TWO))
    .frame(caller, `CANCEL ${id}`, cancel(id));
  stream.failed({ ...BROKEN, processed: "maybe" });
  script.frame(
    callee,
    `${kind} ${id}, last part: dropped`,
    named(kind, id, "00"),
  )
    .frame(callee, `RESULT ${id}: late`, result(id));
  new CallScript(script, caller, "unary", 1).asks(TWO).leaves(TWO);
  return script;
}

function cancelledCaller(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `CREDIT for a call that the ${caller} has cancelled is dropped`,
    "The account has ended with CANCEL, so even a total that no account may have does not matter.",
    { subjects: [caller] },
  ).opened();
  const stream = new CallScript(script, caller, "duplex").asks().leaves();
  const { id } = stream;
  script.do(caller, "cancel", { call: id })
    .frame(caller, `CANCEL ${id}`, cancel(id));
  stream.failed({ code: "cancelled", processed: "maybe", retry: "never" });
  script
    .frame(callee, `CREDIT ${id}`, credit(id, 65_536))
    .frame(callee, `CREDIT ${id}: 2^40`, credit(id, 2 ** 40))
    .frame(
      callee,
      `ERROR ${id}: dropped`,
      error(id, { code: "cancelled", processed: "yes" }),
    )
    .frame(callee, `CREDIT ${id}: late`, credit(id, 2 ** 40));
  new CallScript(script, caller, "unary", 1).asks(TWO).leaves(TWO);
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const BEFORE_REQUEST: readonly Conversation[] = [
  ...SIDES.flatMap((caller) => [
    breaks(caller, "serverStream", {
      name: "an ITEM",
      frame: (id) => item(id, ONE),
    }),
    breaks(caller, "clientStream", {
      name: "a CREDIT",
      frame: (id) => credit(id, 65_536),
    }),
    breaks(caller, "unary", {
      name: "a RESULT with MORE",
      frame: (id) => named("RESULT", id, fields(), MORE),
    }),
    earlyResult(caller),
    refused(caller),
    amidReply(caller, "RESULT"),
    amidReply(caller, "ERROR"),
    cancelledCaller(caller),
  ]),
].map((script) => script.conversation);
