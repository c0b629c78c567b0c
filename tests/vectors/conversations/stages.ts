/** Conversations about a cancel at each stage of a call, at both ends. */
import {
  bin,
  call,
  cancel,
  credit,
  error,
  fields,
  fragments,
  int,
  str,
} from "./bytes.ts";
import { CallScript, fillPlaces, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";
import { PART, send, SMALL_FRAMES } from "./fragments.ts";

const ONE = int(1), TWO = int(2);
const LARGE = bin("ab", 40_000);
const CANCELLED = { code: "cancelled", processed: "yes" } as const;
const HEARS = {
  code: "cancelled",
  processed: "maybe",
  retry: "never",
} as const;
const UNSENT = { code: "cancelled", processed: "no", retry: "never" } as const;

function waitsForPlace(): Script {
  const script = new Script(
    "a call that is cancelled before it is sent never reaches the wire",
    "maxCalls is 32, and this is the 33rd call; the next call gets its id.",
    { limits: { server: { maxCalls: 32 } } },
  ).opened();
  const { calls, waits } = fillPlaces(script, 32);
  waits.asks(TWO);
  script.do("client", "cancel", { call: waits.id });
  waits.failed(UNSENT);
  calls[31]?.responds(TWO);
  waits.opens(ONE).responds(TWO);
  return script;
}

function early(): Script {
  const script = new Script(
    "an early call may be cancelled early",
    "The server holds both frames; after it accepts, the handler is entered and cancelled immediately.",
  ).greeted();
  const asked = new CallScript(script, "client", "unary");
  asked.asks(ONE).leaves(ONE);
  script.do("client", "cancel", { call: 1 }).client("CANCEL 1", cancel(1));
  asked.failed(HEARS);
  script.accepted();
  asked.arrives(ONE).stopped("cancelled").settles(CANCELLED);
  return script;
}

function notWhole(caller: Side): Script {
  const script = new Script(
    `a large REQUEST of the ${caller} is cancelled between its frames`,
    "The rest is not sent. The callee sends a terminal although the REQUEST is incomplete.",
    { limits: SMALL_FRAMES },
  ).opened()
    .do(caller, "stall", { after: 2 });
  const asked = new CallScript(script, caller, "unary");
  asked.asks(LARGE);
  const parts = fragments("REQUEST", asked.id, call(asked.number, LARGE), PART);
  send(script, caller, parts.slice(0, 2));
  script
    .do(caller, "cancel", { call: asked.id })
    .frame(caller, `CANCEL ${asked.id}`, cancel(asked.id));
  asked.failed(UNSENT);
  script
    .frame(
      other(caller),
      "ERROR",
      error(asked.id, { code: "cancelled", processed: "no" }),
    )
    .do(caller, "flow");
  new CallScript(script, caller, "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function unary(): Script {
  const script = new Script(
    "the server cancels too",
    "The client's handler is cancelled and settles the call.",
  ).opened();
  new CallScript(script, "server", "unary")
    .opens(ONE).cancelled().settles(CANCELLED);
  new CallScript(script, "server", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function streams(caller: Side): Script {
  const script = new Script(
    `streams of the ${caller} are cancelled between their items`,
    "Every shape, one after the other; their handlers settle later.",
  ).opened();
  const calls = [
    new CallScript(script, caller, "serverStream").opens(ONE).downloads(ONE),
    new CallScript(script, caller, "clientStream", 1).opens().uploads(ONE),
    new CallScript(script, caller, "duplex", 2)
      .opens(str("a")).uploads(ONE).downloads(TWO),
  ];
  for (const each of calls) each.cancelled();
  for (const each of calls.reverse()) each.settles(CANCELLED);
  return script;
}

function behindEnd(caller: Side): Script {
  const script = new Script(
    `a call of the ${caller} is cancelled after END`,
    "Only the terminal is missing.",
  ).opened();
  new CallScript(script, caller, "clientStream")
    .opens().uploads(ONE).ends().cancelled().settles(CANCELLED);
  new CallScript(script, caller, "duplex", 1)
    .opens().ends().downloads(TWO).cancelled().settles(CANCELLED);
  return script;
}

function largeResult(): Script {
  const script = new Script(
    "a large RESULT is cancelled between its frames",
    "Its handler had settled: the rest is sent and dropped. Then the call is over for both ends.",
    { limits: SMALL_FRAMES },
  ).opened();
  new CallScript(script, "client", "unary").opens(ONE);
  script
    .do("server", "stall", { after: 1 })
    .do("server", "respond", { call: 1, value: LARGE });
  const [first, ...rest] = fragments("RESULT", 1, fields() + LARGE.hex, PART);
  script
    .server("RESULT 1, part 1 of 3", first ?? "")
    .do("client", "cancel", { call: 1 })
    .client("CANCEL 1", cancel(1))
    .sees("client", "failed", { call: 1, ...HEARS })
    .do("server", "flow");
  send(script, "server", rest);
  new CallScript(script, "client", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function largeItem(): Script {
  const script = new Script(
    "a large item is abandoned by CANCEL",
    "Two of its three frames were sent; the rest is not.",
    { limits: SMALL_FRAMES },
  ).opened();
  const upload = new CallScript(script, "client", "clientStream").opens();
  script
    .do("client", "stall", { after: 1 })
    .do("client", "send", { call: 1, value: LARGE });
  const [first] = fragments("ITEM", 1, fields() + LARGE.hex, PART);
  script.client("ITEM 1, part 1 of 3", first ?? "")
    .server("CREDIT 1: paid in advance", credit(1, 32_768 + 16_448 + 32_768))
    .crosses();
  upload.cancelled();
  script.do("client", "flow");
  upload.settles(CANCELLED);
  return script;
}

function cancelAndClose(): Script {
  const script = new Script(
    "a cancelled call is in flight until its terminal arrives",
    "maxCalls is 32: the 33rd call waits for the ERROR, not for the CANCEL.",
    { limits: { server: { maxCalls: 32 } } },
  ).opened();
  const [first] = Array.from(
    { length: 32 },
    (_, index) => new CallScript(script, "client", "unary", index).opens(ONE),
  );
  const waits = new CallScript(script, "client", "unary", 32);
  waits.asks(TWO);
  first?.cancelled().settles(CANCELLED);
  waits.leaves(TWO).arrives(TWO);
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const STAGES: readonly Conversation[] = [
  waitsForPlace(),
  early(),
  unary(),
  ...SIDES.flatMap((caller) => [
    notWhole(caller),
    streams(caller),
    behindEnd(caller),
  ]),
  largeResult(),
  largeItem(),
  cancelAndClose(),
].map((script) => script.conversation);
