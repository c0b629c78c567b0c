/**
 * Conversations about NOTIFYs, ITEMs and replies in several frames that exceed a
 * limit; `bounds.ts` has more about REQUESTs.
 *
 * @module
 */
import {
  bin,
  call,
  cancel,
  error,
  fields,
  fragments,
  int,
  item,
  type KindName,
  MORE,
  named,
  notify,
  result,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { PART, send } from "./fragments.ts";
import {
  ALERT,
  type Conversation,
  LOG,
  other,
  Script,
  type Side,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
const SMALL_PART = "00";
/** The limit on time, 30 s by default, and the granularity of timers. */
const TIME = { assemblyTimeout: 1000 }, LATER = 1016;
/** 65,536 bytes, plus 9 KiB for fields. */
const BYTES = { maxMessage: 65_536, maxFrameBody: PART };
const FRAMES = { maxFragments: 3 };
/** Half of it, 65,536, is for messages other than items. */
const UNFINISHED = { maxAssembly: 131_072, maxFrameBody: PART };
/** Five full parts; the last exceeds the limit on bytes. */
const FULL_PARTS = Array.from({ length: 5 }, () => "00".repeat(PART));
const FOUR_PARTS = Array.from({ length: 4 }, () => SMALL_PART);

/** Writes unfinished parts of a message. */
function parts(
  script: Script,
  from: Side,
  message: { kind: KindName; id: number; bodies: readonly string[] },
): Script {
  const { kind, id, bodies } = message;
  return send(script, from, bodies.map((body) => named(kind, id, body, MORE)));
}

// ── REQUEST ──────────────────────────────────────────────────────────────

/** Unfinished REQUESTs that are together as long as the stated limit. */
function upToTheLimit(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} keeps as many bytes of unfinished REQUESTs as it states`,
    "65,536: two parts each of two REQUESTs. A further part is refused.",
    { subjects: [callee], limits: { [callee]: UNFINISHED } },
  ).opened();
  const value = bin("00", 2 * PART);
  const calls = [0, 1].map((before) =>
    new CallScript(script, caller, "unary", before)
  );
  const frames = calls.map(({ id, number }) =>
    fragments("REQUEST", id, call(number, value), PART)
  );
  for (const each of frames) send(script, caller, each.slice(0, 2));
  const { id } = new CallScript(script, caller, "unary", 2);
  parts(script, caller, { kind: "REQUEST", id, bodies: [SMALL_PART] });
  script.frame(
    callee,
    `ERROR ${id}`,
    error(id, { code: "overloaded", processed: "no", retry: "later" }),
  );
  return script;
}

// ── NOTIFY ───────────────────────────────────────────────────────────────

/** The last part of a dropped NOTIFY, and another that is handled. */
function nextNotify(script: Script, receiver: Side): Script {
  const sender = other(receiver);
  const [method, number] = sender === "client"
    ? ["log", LOG] as const
    : ["alert", ALERT] as const;
  return script
    .frame(sender, "NOTIFY, a part: dropped", named("NOTIFY", 0, "00", MORE))
    .frame(sender, "NOTIFY, the last part: dropped", named("NOTIFY", 0, "00"))
    .frame(sender, "NOTIFY", notify(number, TWO))
    .sees(receiver, "notified", { method, value: TWO });
}

function longNotify(
  receiver: Side,
  { about, limits, bodies }: {
    about: string;
    limits: Record<string, number>;
    bodies: readonly string[];
  },
): Script {
  const script = new Script(
    `a NOTIFY to the ${receiver} with too many ${about} is dropped`,
    "It has no reply. Its other frames are dropped, up to the one without MORE.",
    { subjects: [receiver], limits: { [receiver]: limits } },
  ).opened();
  parts(script, other(receiver), { kind: "NOTIFY", id: 0, bodies });
  return nextNotify(script, receiver);
}

function overloadedNotify(receiver: Side): Script {
  const sender = other(receiver);
  const script = new Script(
    `a NOTIFY to the ${receiver} beyond the limit on unfinished messages is dropped`,
    "Four parts of a REQUEST fill half of maxAssembly. The REQUEST is taken.",
    { subjects: [receiver], limits: { [receiver]: UNFINISHED } },
  ).opened();
  const asked = new CallScript(script, sender, "unary");
  const value = bin("00", 70_000);
  const frames = fragments(
    "REQUEST",
    asked.id,
    call(asked.number, value),
    PART,
  );
  send(script, sender, frames.slice(0, 4));
  parts(script, sender, { kind: "NOTIFY", id: 0, bodies: [SMALL_PART] });
  nextNotify(script, receiver);
  send(script, sender, frames.slice(4));
  asked.arrives(value);
  return script;
}

function lateNotify(receiver: Side): Script {
  const script = new Script(
    `a NOTIFY to the ${receiver} that is not complete in time is dropped`,
    "The limit is 30 s from its first frame by default, 1 s here.",
    { subjects: [receiver], limits: { [receiver]: TIME } },
  ).opened();
  parts(script, other(receiver), { kind: "NOTIFY", id: 0, bodies: ["00"] });
  script.advance(LATER);
  return nextNotify(script, receiver);
}

// ── ITEM ─────────────────────────────────────────────────────────────────

/** Windows that nothing is granted for. */
const WIDE = { streamWindow: 262_144, maxStreamWindow: 262_144 };

/** A call with items for the receiver, which is its callee or its caller. */
function streamTo(
  receiver: Side,
  role: "callee" | "caller",
  { name, meaning, limits }: {
    name: string;
    meaning: string;
    limits: Record<string, number>;
  },
): { script: Script; stream: CallScript } {
  const script = new Script(
    `${name}: the ${receiver} is the ${role}`,
    meaning,
    { subjects: [receiver], limits: { [receiver]: { ...WIDE, ...limits } } },
  ).opened();
  const stream = role === "callee"
    ? new CallScript(script, other(receiver), "clientStream").leaves()
      .arrives()
    : new CallScript(script, receiver, "serverStream").asks(ONE).leaves(ONE);
  return { script, stream };
}

/** The receiver breaks the call. */
function broken(
  { script, stream }: { script: Script; stream: CallScript },
  receiver: Side,
  role: "callee" | "caller",
): Script {
  const { id } = stream;
  const sender = other(receiver);
  if (role === "callee") {
    stream.stopped("cancelled");
    script.frame(receiver, `ERROR ${id}`, error(id, { code: "malformed" }))
      .frame(sender, `ITEM ${id}: late`, named("ITEM", id, "00"));
  } else {
    script.frame(receiver, `CANCEL ${id}`, cancel(id));
    stream.failed({ code: "malformed", processed: "maybe", retry: "never" });
    script.frame(sender, `ITEM ${id}: dropped`, named("ITEM", id, "00"))
      .frame(sender, `RESULT ${id}: dropped`, result(id));
  }
  const next = new CallScript(script, sender, "unary", 1);
  next.leaves(ONE).arrives(ONE);
  return script;
}

function longItem(
  receiver: Side,
  role: "callee" | "caller",
  { about, limits, bodies }: {
    about: string;
    limits: Record<string, number>;
    bodies: readonly string[];
  },
): Script {
  const call = streamTo(receiver, role, {
    name: `an item with too many ${about} breaks the call`,
    meaning: "Nothing else is affected.",
    limits,
  });
  const { script, stream: { id } } = call;
  parts(script, other(receiver), { kind: "ITEM", id, bodies });
  return broken(call, receiver, role);
}

function lateItem(receiver: Side, role: "callee" | "caller"): Script {
  const call = streamTo(receiver, role, {
    name: "an item that is not complete in time breaks the call",
    meaning:
      "The limit is 30 s by default, 1 s here. The receiver has paid for the first part.",
    limits: TIME,
  });
  const { script, stream: { id } } = call;
  parts(script, other(receiver), { kind: "ITEM", id, bodies: ["0000"] });
  script.advance(LATER);
  return broken(call, receiver, role);
}

function unpaidItem(receiver: Side, role: "callee" | "caller"): Script {
  const { script, stream: { id } } = streamTo(receiver, role, {
    name: "the time for an item does not count while its parts are not paid",
    meaning:
      "The budget for items has only the reserve for an awaited item, so the parts are paid when the application waits.",
    limits: { ...TIME, maxMessage: 65_536, maxAssembly: 131_072 },
  });
  const sender = other(receiver);
  const hex = item(id, ONE).slice(24);
  parts(script, sender, { kind: "ITEM", id, bodies: [hex.slice(0, 4)] });
  return script.advance(4 * LATER)
    .do(receiver, "read", { call: id })
    .advance(900)
    .frame(sender, `ITEM ${id}, last part`, named("ITEM", id, hex.slice(4)))
    .sees(receiver, "item", { call: id, value: ONE });
}

// ── RESULT and ERROR ─────────────────────────────────────────────────────

/** The caller gives up a call because of a frame that is not the last. */
function givenUp(
  script: Script,
  caller: Side,
  { calls: [reply, ...others], kind, code, retry = "never" }: {
    calls: readonly CallScript[];
    kind: KindName;
    code: string;
    retry?: string;
  },
): Script {
  const { id } = reply!; // each conversation has a call
  const callee = other(caller);
  script.frame(caller, `CANCEL ${id}`, cancel(id));
  reply!.failed({ code, processed: "maybe", retry });
  script
    .frame(
      callee,
      `${kind} ${id}, a part: dropped`,
      named(kind, id, "00", MORE),
    )
    .frame(callee, `${kind} ${id}, last part: dropped`, named(kind, id, "00"))
    .frame(callee, `RESULT ${id}: late`, result(id, ONE));
  new CallScript(script, caller, "unary", 1 + others.length).asks(TWO)
    .leaves(TWO);
  return script;
}

function longReply(
  caller: Side,
  kind: "RESULT" | "ERROR",
  { about, limits, bodies }: {
    about: string;
    limits: Record<string, number>;
    bodies: readonly string[];
  },
): Script {
  const script = new Script(
    `${
      kind === "ERROR" ? "an ERROR" : "a RESULT"
    } to the ${caller} with too many ${about} fails the call`,
    "The caller sends CANCEL, and drops the other frames; the last of them is the terminal.",
    { subjects: [caller], limits: { [caller]: limits } },
  ).opened();
  const asked = new CallScript(script, caller, "unary").asks(ONE).leaves(ONE);
  parts(script, other(caller), { kind, id: asked.id, bodies });
  return givenUp(script, caller, { calls: [asked], kind, code: "too-large" });
}

function overloadedReply(caller: Side, kind: "RESULT" | "ERROR"): Script {
  const callee = other(caller);
  const script = new Script(
    `${
      kind === "ERROR" ? "an ERROR" : "a RESULT"
    } to the ${caller} beyond the limit on unfinished messages fails the call`,
    "Four parts of another RESULT fill half of maxAssembly.",
    { subjects: [caller], limits: { [caller]: UNFINISHED } },
  ).opened();
  const [one, two] = [0, 1].map((before) =>
    new CallScript(script, caller, "unary", before).asks(ONE).leaves(ONE)
  ) as [CallScript, CallScript];
  const value = bin("00", 70_000);
  const frames = fragments("RESULT", one.id, fields() + value.hex, PART);
  send(script, callee, frames.slice(0, 4));
  parts(script, callee, { kind, id: two.id, bodies: [SMALL_PART] });
  givenUp(script, caller, {
    calls: [two, one],
    kind,
    code: "overloaded",
    retry: "later",
  });
  send(script, callee, frames.slice(4));
  one.answered(value);
  return script;
}

function lateReply(caller: Side, kind: "RESULT" | "ERROR"): Script {
  const script = new Script(
    `${
      kind === "ERROR" ? "an ERROR" : "a RESULT"
    } to the ${caller} that is not complete in time fails the call`,
    "The limit is 30 s from its first frame by default, 1 s here.",
    { subjects: [caller], limits: { [caller]: TIME } },
  ).opened();
  const asked = new CallScript(script, caller, "unary").asks(ONE).leaves(ONE);
  parts(script, other(caller), { kind, id: asked.id, bodies: [SMALL_PART] });
  script.advance(LATER);
  return givenUp(script, caller, { calls: [asked], kind, code: "malformed" });
}

const TOO_MANY = [
  { about: "bytes", limits: BYTES, bodies: FULL_PARTS },
  { about: "frames", limits: FRAMES, bodies: FOUR_PARTS },
] as const;

/** All of them, in the order of PROTOCOL.md. */
export const EXCEEDED: readonly Conversation[] = SIDES.flatMap((side) => [
  upToTheLimit(side),
  ...TOO_MANY.map((message) => longNotify(side, message)),
  overloadedNotify(side),
  lateNotify(side),
  ...(["callee", "caller"] as const).flatMap((role) => [
    ...TOO_MANY.map((message) => longItem(side, role, message)),
    lateItem(side, role),
    unpaidItem(side, role),
  ]),
  ...(["RESULT", "ERROR"] as const).flatMap((kind) => [
    ...TOO_MANY.map((message) => longReply(side, kind, message)),
    overloadedReply(side, kind),
    lateReply(side, kind),
  ]),
]).map((script) => script.conversation);
