/** Conversations about messages in several frames. */
import {
  bin,
  call,
  fields,
  fragments,
  int,
  item,
  MORE,
  named,
  notify,
  request,
  result,
} from "./bytes.ts";
import {
  ADD,
  type Conversation,
  COUNT,
  LOG,
  Script,
  type Side,
  SUM,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
/** The least that a frame's body may be bounded to. */
export const PART = 16_384;
/** Three frames' worth. */
const LARGE = bin("ab", 40_000);
/** Limits of two ends that take small frames. */
export const SMALL_FRAMES = {
  client: { maxFrameBody: PART },
  server: { maxFrameBody: PART },
};

/** Frames of one message, one after the other. */
export function send(
  script: Script,
  from: Side,
  frames: readonly string[],
): Script {
  frames.forEach((hex, index) => {
    const about = `part ${index + 1} of ${frames.length}`;
    if (from === "client") script.d(about, hex);
    else script.l(about, hex);
  });
  return script;
}

function largeRequest(): Script {
  const script = new Script(
    "a large REQUEST is cut into frames of the same id",
    "The body, method number and fields included, is cut anywhere; all frames but the last have MORE.",
    { limits: SMALL_FRAMES },
  ).opened()
    .do("client", "call", { call: 1, method: "add", value: LARGE });
  send(
    script,
    "client",
    fragments("REQUEST", 1, call(ADD, LARGE), PART),
  );
  return script
    .sees("server", "request", { call: 1, method: "add", value: LARGE })
    .do("server", "respond", { call: 1, value: ONE })
    .l("RESULT 1", result(1, ONE))
    .sees("client", "result", { call: 1, value: ONE });
}

function largeResult(): Script {
  const script = new Script(
    "a large RESULT is cut into frames",
    "It needs no credit.",
    { limits: SMALL_FRAMES },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("server", "respond", { call: 1, value: LARGE });
  send(
    script,
    "server",
    fragments("RESULT", 1, fields() + LARGE.hex, PART),
  );
  return script.sees("client", "result", { call: 1, value: LARGE });
}

function largeItem(): Script {
  const most = { streamWindow: 65_536, maxStreamWindow: 65_536 };
  const script = new Script(
    "a large item is cut into frames",
    "Each is charged for itself; parts that are waited for are paid for as they come, in portions of half a window.",
    { limits: { ...SMALL_FRAMES, client: { maxFrameBody: PART, ...most } } },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: LARGE });
  const frames = fragments("ITEM", 1, fields() + LARGE.hex, PART);
  send(script, "server", frames);
  return script
    // Two parts are worth half a window: 2 × (16,384 + 64).
    .d("CREDIT 1: 32,896", named("CREDIT", 1, "00008080"))
    .crosses()
    .sees("client", "item", { call: 1, value: LARGE });
}

function interleaved(): Script {
  const body = fields() + LARGE.hex;
  const one = fragments("RESULT", 1, body, PART);
  const three = fragments("RESULT", 3, body, PART);
  const script = new Script(
    "the frames of two results may alternate",
    "Only the frames of one call keep their order.",
    { subjects: ["client"], limits: SMALL_FRAMES },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
  one.forEach((hex, index) =>
    script.l(`RESULT 1, part ${index + 1}`, hex)
      .l(`RESULT 3, part ${index + 1}`, three[index]!)
      .l(`NOTIFY, between`, notify(0, ONE))
      .sees("client", "notified", { method: "alert", value: ONE })
  );
  // The events of a frame follow it: the results belong behind the last two.
  const steps = script.conversation.steps;
  const [last, alert, alerted] = steps.splice(-3);
  script.sees("client", "result", { call: 1, value: LARGE });
  steps.push(last!);
  script.sees("client", "result", { call: 3, value: LARGE });
  steps.push(alert!, alerted!);
  return script;
}

function betweenParts(): Script {
  const [first, second] = [
    named("REQUEST", 3, call(ADD, TWO).slice(0, 6), MORE),
    named("REQUEST", 3, call(ADD, TWO).slice(6)),
  ];
  return new Script(
    "frames of other kinds may stand between those of a REQUEST",
    "PING, and an item of another call. The cut is within the block of fields.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .d("REQUEST 3, first part", first)
    .d("PING", named("PING", 0, "0011223344556677"))
    .l("PONG", named("PONG", 0, "0011223344556677"))
    .d("ITEM 1", item(1, ONE))
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: ONE })
    .requested(3, "add", second, { value: TWO });
}

function mixedRequests(name: string, second: string): Script {
  return new Script(
    name,
    "The frames of a REQUEST or NOTIFY stand together among REQUEST and NOTIFY frames.",
    { subjects: ["server"] },
  ).opened()
    .d("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .d("another one begins", second)
    .closedByServer("protocol");
}

function emptyParts(): Script {
  return new Script(
    "parts may be small, and even empty",
    "A message in five frames, one of them without a byte.",
    { subjects: ["server"] },
  ).opened()
    .d("part 1", named("REQUEST", 1, "00", MORE))
    .d("part 2", named("REQUEST", 1, "0000", MORE))
    .d("part 3", named("REQUEST", 1, "", MORE))
    .d("part 4", named("REQUEST", 1, "00", MORE))
    .requested(1, "add", named("REQUEST", 1, "07"), { value: int(7) });
}

/** In the order of the document. */
export const FRAGMENTS: readonly Conversation[] = [
  largeRequest(),
  largeResult(),
  largeItem(),
  interleaved(),
  betweenParts(),
  emptyParts(),
  mixedRequests(
    "a REQUEST between the frames of another closes the connection",
    request(3, ADD, ONE),
  ),
  mixedRequests(
    "a NOTIFY between the frames of a REQUEST closes the connection",
    notify(LOG, ONE),
  ),
].map((script) => script.conversation);
