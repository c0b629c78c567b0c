/**
 * Conversations about frames of calls that cannot exist: with id 0, for a call
 * that has not begun, or from the wrong end of a call. They close the connection.
 *
 * @module
 */
import {
  cancel,
  credit,
  error,
  goaway,
  int,
  item,
  type KindName,
  named,
  request,
  result,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1);

/** A valid frame of each kind for a call. */
const FRAMES = {
  REQUEST: (id: number) => request(id, 0, ONE),
  ITEM: (id: number) => item(id, ONE),
  END: (id: number) => named("END", id),
  RESULT: (id: number) => result(id, ONE),
  ERROR: (id: number) => error(id, { code: "internal", processed: "yes" }),
  CANCEL: (id: number) => cancel(id),
  CREDIT: (id: number) => credit(id, 65_536),
} as const satisfies Partial<Record<KindName, (id: number) => string>>;

type CallKind = keyof typeof FRAMES;

/** All kinds of frames with the id of a call. */
const KINDS: readonly CallKind[] = [
  "REQUEST",
  "ITEM",
  "END",
  "RESULT",
  "ERROR",
  "CANCEL",
  "CREDIT",
];

/** Kinds that the caller sends after its REQUEST, and kinds of the callee. */
const OF_CALLER = ["ITEM", "END", "CANCEL", "CREDIT"] as const;
const OF_CALLEE = ["ITEM", "RESULT", "ERROR", "CREDIT"] as const;

/** Kinds that only one end may send. */
const ONLY_CALLER = ["END", "CANCEL"] as const;
const ONLY_CALLEE = ["RESULT", "ERROR"] as const;

/** Closes the connection; no call is in flight. */
function closes(script: Script, receiver: Side, lastId = 0): Script {
  return script
    .frame(receiver, "GOAWAY protocol", goaway("protocol", lastId))
    .sees(receiver, "ended", { code: "protocol", remote: false });
}

function idZero(receiver: Side, kind: CallKind): Script {
  const script = new Script(
    `${kind} with id 0 closes the connection of the ${receiver}`,
    "Calls have other ids; 0 is for the session and for NOTIFY.",
    { subjects: [receiver] },
  ).opened()
    .frame(other(receiver), `${kind} 0`, FRAMES[kind](0));
  return closes(script, receiver);
}

/** A frame with the first id of the caller, which has made no call. */
function future(
  receiver: Side,
  end: "caller" | "callee",
  kind: CallKind,
): Script {
  const sender = other(receiver);
  const caller = end === "caller" ? sender : receiver;
  const { id } = new CallScript(new Script("", ""), caller, "unary");
  const script = new Script(
    `${kind} of the ${end} for a call that has not begun closes the connection of the ${receiver}`,
    `There is no call ${id} yet.`,
    { subjects: [receiver] },
  ).opened()
    .frame(sender, `${kind} ${id}`, FRAMES[kind](id));
  return closes(script, receiver);
}

/** States of a call in which a frame comes from the wrong end. */
const STAGES = ["open", "ended", "cancelled", "over"] as const;

/** A frame that only the other end of a call may send. */
function wrongEnd(
  receiver: Side,
  sender: "caller" | "callee",
  { kind, stage }: { kind: CallKind; stage: typeof STAGES[number] },
): Script {
  const ofCaller = sender === "caller";
  const caller = ofCaller ? other(receiver) : receiver;
  const script = new Script(
    `${kind} from the ${sender} closes the connection of the ${receiver}: the call is ${stage}`,
    `Only the ${ofCaller ? "callee" : "caller"} sends ${kind}.`,
    { subjects: [receiver] },
  ).opened();
  const call = new CallScript(script, caller, "duplex").opens();
  if (stage === "ended") call.ends();
  if (stage === "cancelled") call.cancelled();
  if (stage === "over") call.responds();
  script.frame(other(receiver), `${kind} ${call.id}`, FRAMES[kind](call.id));
  const notified = stage === "cancelled" || stage === "over";
  if (notified) return closes(script, receiver, ofCaller ? call.id : 0);
  if (ofCaller) return script.closed(receiver, "protocol", call.id);
  script.frame(receiver, "GOAWAY protocol", goaway("protocol", 0));
  call.failed({ code: "disconnected", processed: "maybe", retry: "never" });
  return script.sees(receiver, "ended", { code: "protocol", remote: false });
}

/** All of them, in the order of PROTOCOL.md. */
export const STRAY_FRAMES: readonly Conversation[] = SIDES.flatMap((
  receiver,
) => [
  ...KINDS.map((kind) => idZero(receiver, kind)),
  ...OF_CALLER.map((kind) => future(receiver, "caller", kind)),
  ...OF_CALLEE.map((kind) => future(receiver, "callee", kind)),
  ...STAGES.flatMap((stage) => [
    ...ONLY_CALLEE.map((kind) => wrongEnd(receiver, "caller", { kind, stage })),
    ...ONLY_CALLER.map((kind) => wrongEnd(receiver, "callee", { kind, stage })),
  ]),
]).map((script) => script.conversation);
