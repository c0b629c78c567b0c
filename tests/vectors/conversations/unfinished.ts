/**
 * Conversations about the messages that a sender has begun and not finished,
 * and about values that apply until the server's HELLO arrives.
 *
 * @module
 */
import { bin, call, fields, fragments, int } from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { PART, send, SMALL_FRAMES } from "./fragments.ts";
import { ADD, type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
/** Values that need three frames; two of them exceed 65,536 bytes. */
const LARGE = bin("ab", 40_000), OTHER = bin("cd", 40_000);

/** The receiver states 65,536, half of its limit. */
function limits(receiver: Side): Conversation["limits"] {
  return {
    ...SMALL_FRAMES,
    [receiver]: { maxFrameBody: PART, maxAssembly: 131_072 },
  };
}

function requests(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `the ${caller} begins no large REQUEST that exceeds the peer's maxAssembly`,
    "65,536 bytes: the second REQUEST waits until the first is complete, and gets its id then.",
    { limits: limits(callee) },
  ).opened()
    .do(caller, "stall", { after: 1 });
  const [one, two] = [0, 1].map((before) =>
    new CallScript(script, caller, "unary", before)
  ) as [CallScript, CallScript];
  const parts = [[one, LARGE], [two, OTHER]] as const;
  const [first = [], second = []] = parts.map(([{ id, number }, value]) =>
    fragments("REQUEST", id, call(number, value), PART)
  );
  one.asks(LARGE);
  send(script, caller, first.slice(0, 1));
  two.asks(OTHER);
  script.do(caller, "flow");
  send(script, caller, first.slice(1));
  one.arrives(LARGE);
  send(script, caller, second);
  two.arrives(OTHER);
  return script;
}

function results(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `the ${callee} begins no large RESULT that exceeds the peer's maxAssembly`,
    "65,536 bytes: the second RESULT waits until the first is complete. A short one does not wait.",
    { limits: limits(caller) },
  ).opened();
  const [one, two, three] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "unary", before).opens(ONE)
  ) as [CallScript, CallScript, CallScript];
  const [first, second] = [
    fragments("RESULT", one.id, fields() + LARGE.hex, PART),
    fragments("RESULT", two.id, fields() + OTHER.hex, PART),
  ];
  script
    .do(callee, "stall", { after: 1 })
    .do(callee, "respond", { call: one.id, value: LARGE });
  send(script, callee, first.slice(0, 1));
  script.do(callee, "respond", { call: two.id, value: OTHER });
  three.responds(TWO);
  script.do(callee, "flow");
  send(script, callee, first.slice(1));
  one.answered(LARGE);
  send(script, callee, second);
  two.answered(OTHER);
  return script;
}

function earlyRequests(): Script {
  const value = bin("2e", 16_000); // has a charge of 16,071
  const script = new Script(
    "early requests need the initial credit",
    "65,536 − 5 × 16,071 is below 0: the sixth waits until the total in HELLO replaces the initial one.",
  ).greeted();
  const calls = Array.from(
    { length: 6 },
    (_, before) => new CallScript(script, "client", "unary", before),
  );
  for (const [index, each] of calls.entries()) {
    each.asks(value);
    if (index < 5) each.leaves(value);
  }
  script.accepted();
  for (const each of calls.slice(0, 5)) each.arrives(value);
  calls[5]?.leaves(value).arrives(value);
  return script;
}

function earlyCalls(): Script {
  const script = new Script(
    "at most 32 calls are made early",
    "The 33rd waits for the maxCalls in HELLO.",
  ).greeted();
  const calls = Array.from(
    { length: 33 },
    (_, before) => new CallScript(script, "client", "unary", before),
  );
  for (const [index, each] of calls.entries()) {
    each.asks(ONE);
    if (index < 32) each.leaves(ONE);
  }
  script.accepted();
  for (const each of calls.slice(0, 32)) each.arrives(ONE);
  calls[32]?.leaves(ONE).arrives(ONE);
  return script;
}

function earlyFrames(): Script {
  const value = bin("2e", 20_000);
  const script = new Script(
    "early frames have the smallest body",
    "Without the server's HELLO, maxFrameBody is 16,384; after it, 131,072.",
  ).greeted();
  const [one, two] = [0, 1].map((before) =>
    new CallScript(script, "client", "unary", before)
  ) as [CallScript, CallScript];
  one.asks(value);
  send(script, "client", fragments("REQUEST", one.id, call(ADD, value), PART));
  script.accepted();
  one.arrives(value);
  two.opens(value);
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const UNFINISHED: readonly Conversation[] = [
  earlyRequests(),
  earlyCalls(),
  earlyFrames(),
  ...SIDES.flatMap((side) => [requests(side), results(side)]),
].map((script) => script.conversation);
