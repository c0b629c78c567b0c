/** Conversations about a cancel at each stage of a call, seen from both ends. */
import {
  bin,
  call,
  cancel,
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
    "a call that is cancelled before it leaves is not on the wire",
    "The 33rd of 32 calls; its id goes to the next.",
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
    "The server keeps both frames; when it has accepted, the handler is entered and hears at once.",
  ).greeted();
  const asked = new CallScript(script, "client", "unary");
  asked.asks(ONE).leaves(ONE);
  script.do("client", "cancel", { call: 1 }).d("CANCEL 1", cancel(1));
  asked.failed(HEARS);
  script.accepted();
  asked.arrives(ONE).stopped("cancelled").settles(CANCELLED);
  return script;
}

function notWhole(caller: Side): Script {
  const script = new Script(
    `a large REQUEST of the ${caller}'s is cancelled between its frames`,
    "The rest is not sent. The callee answers although it never had the whole.",
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
    "The client's handler hears of it, and settles the call.",
  ).opened();
  new CallScript(script, "server", "unary")
    .opens(ONE).cancelled().settles(CANCELLED);
  new CallScript(script, "server", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function streams(caller: Side): Script {
  const script = new Script(
    `streams of the ${caller}'s are cancelled between their items`,
    "Of every shape, one after the other; their handlers settle when they like.",
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
    `a call of the ${caller}'s is cancelled behind END`,
    "Only the terminal is still owed.",
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
    "Its callee had settled: the rest is sent, and dropped. Then the call is over for both.",
    { limits: SMALL_FRAMES },
  ).opened();
  new CallScript(script, "client", "unary").opens(ONE);
  script
    .do("server", "stall", { after: 1 })
    .do("server", "respond", { call: 1, value: LARGE });
  const [first, ...rest] = fragments("RESULT", 1, fields() + LARGE.hex, PART);
  script
    .l("RESULT 1, part 1 of 3", first ?? "")
    .do("client", "cancel", { call: 1 })
    .d("CANCEL 1", cancel(1))
    .sees("client", "failed", { call: 1, ...HEARS })
    .do("server", "flow");
  send(script, "server", rest);
  new CallScript(script, "client", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function largeItem(): Script {
  const script = new Script(
    "a large item is given up by CANCEL",
    "The call had two of its three frames; the rest is not sent.",
    { limits: SMALL_FRAMES },
  ).opened();
  const upload = new CallScript(script, "client", "clientStream").opens();
  script
    .do("client", "stall", { after: 1 })
    .do("client", "send", { call: 1, value: LARGE });
  const [first] = fragments("ITEM", 1, fields() + LARGE.hex, PART);
  script.d("ITEM 1, part 1 of 3", first ?? "");
  upload.cancelled();
  script.do("client", "flow");
  upload.settles(CANCELLED);
  return script;
}

function cancelAndClose(): Script {
  const script = new Script(
    "a cancelled call is in flight until its terminal has come",
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

/** In the order of the document. */
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
