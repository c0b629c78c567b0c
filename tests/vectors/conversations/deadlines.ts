/** Conversations about deadlines, in every shape and at either end. */
import { bin, call, cancel, error, fragments, int } from "./bytes.ts";
import {
  CallScript,
  type CallShape,
  fillPlaces,
  SIDES,
} from "./call_script.ts";
import { PART, SMALL_FRAMES } from "./fragments.ts";
import { ADD, type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
const PASSED = { code: "deadline", processed: "maybe" } as const;
const SETTLED = { code: "deadline", processed: "yes" } as const;
const TIMEOUT = { timeout: 80 };

/** Lets a deadline pass at both ends at once; the callee already knows when CANCEL arrives. */
function passes(script: Script, caller: Side, call: CallScript): CallScript {
  script.advance(88)
    .frame(caller, `CANCEL ${call.id}, reason 1`, cancel(call.id, 1));
  return call.failed({ ...PASSED, retry: "never" }).stopped("deadline");
}

function inShape(caller: Side, shape: CallShape): Script {
  const script = new Script(
    `the deadline of the ${caller}'s ${shape} call passes between its items`,
    "The callee cancels its handler on its own, and the caller does not wait for it.",
  ).opened();
  const call = new CallScript(script, caller, shape);
  if (shape === "serverStream") call.opens(ONE, TIMEOUT).downloads(ONE);
  else call.opens(undefined, TIMEOUT).uploads(ONE);
  if (shape === "duplex") call.downloads(TWO);
  passes(script, caller, call).settles(SETTLED);
  new CallScript(script, caller, "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function unary(): Script {
  const script = new Script(
    "the deadline of the server's call passes at both ends",
    "The client has already cancelled its handler when the CANCEL arrives.",
  ).opened();
  const call = new CallScript(script, "server", "unary").opens(ONE, TIMEOUT);
  passes(script, "server", call).settles(SETTLED);
  return script;
}

function finishesAnyway(caller: Side): Script {
  const script = new Script(
    `a handler that finishes after the deadline of the ${caller}'s call has been processed`,
    "Its result is not sent.",
  ).opened();
  const call = new CallScript(script, caller, "unary").opens(ONE, TIMEOUT);
  passes(script, caller, call);
  const callee = other(caller);
  script.do(callee, "respond", { call: call.id, value: TWO })
    .frame(callee, `ERROR ${call.id}`, error(call.id, SETTLED));
  return script;
}

function waitsForPlace(): Script {
  const script = new Script(
    "a deadline passes before the call is sent",
    "maxCalls is 32, and this is the 33rd call. Nothing is sent, and the next call gets its id.",
    { limits: { server: { maxCalls: 32 } } },
  ).opened();
  const { calls, waits } = fillPlaces(script, 32);
  waits.asks(TWO, TIMEOUT);
  script.advance(88);
  waits.failed({ code: "deadline", processed: "no", retry: "never" });
  calls[0]?.responds(TWO);
  return script;
}

function notWhole(): Script {
  const value = bin("ab", 40_000);
  const script = new Script(
    "a deadline passes between the frames of a REQUEST",
    "The callee's clock has not started: it learns of the deadline from CANCEL with reason 1. The handler was never entered.",
    { limits: SMALL_FRAMES },
  ).opened()
    .do("client", "stall", { after: 1 });
  const asked = new CallScript(script, "client", "unary");
  asked.asks(value, TIMEOUT);
  const [first] = fragments("REQUEST", 1, requestBody(value), PART);
  script.client("REQUEST 1, part 1 of 3", first ?? "").advance(88)
    .client("CANCEL 1, reason 1", cancel(1, 1));
  asked.failed({ ...PASSED, processed: "no", retry: "never" });
  script
    .server("ERROR 1", error(1, { code: "deadline", processed: "no" }))
    .do("client", "flow");
  new CallScript(script, "client", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

/** Returns a body: method, a block of fields with DEADLINE 80, and the value. */
function requestBody(value: ReturnType<typeof bin>): string {
  return call(ADD, value, "01" + "0004" + "00000050");
}

function whileAuthenticating(): Script {
  const script = new Script(
    "a deadline passes while the server authenticates",
    "The callee's clock starts when the REQUEST arrives, even if the REQUEST is held. The handler may still be entered, but is cancelled immediately.",
  ).greeted();
  const early = new CallScript(script, "client", "unary");
  early.asks(ONE, TIMEOUT).leaves(ONE, TIMEOUT);
  script.advance(88).client("CANCEL 1, reason 1", cancel(1, 1));
  early.failed({ ...PASSED, retry: "never" });
  script.accepted();
  early.arrives(ONE, TIMEOUT).stopped("deadline").settles(SETTLED);
  return script;
}

const STREAMS: readonly CallShape[] = [
  "serverStream",
  "clientStream",
  "duplex",
];

/** All of them, in the order of PROTOCOL.md. */
export const DEADLINES: readonly Conversation[] = [
  unary(),
  ...SIDES.flatMap((caller) => [
    ...STREAMS.map((shape) => inShape(caller, shape)),
    finishesAnyway(caller),
  ]),
  waitsForPlace(),
  notWhole(),
  whileAuthenticating(),
].map((script) => script.conversation);
