/** Conversations about messages in several frames. */
import {
  bin,
  call,
  credit,
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
/** The lowest limit on a frame's body. */
export const PART = 16_384;
/** A value that needs three frames. */
const LARGE = bin("ab", 40_000);
/** Limits of two ends that accept small frames. */
export const SMALL_FRAMES = {
  client: { maxFrameBody: PART },
  server: { maxFrameBody: PART },
};

/** Writes the frames of one message, one after the other. */
export function send(
  script: Script,
  from: Side,
  frames: readonly string[],
): Script {
  frames.forEach((hex, index) => {
    const about = `part ${index + 1} of ${frames.length}`;
    if (from === "client") script.client(about, hex);
    else script.server(about, hex);
  });
  return script;
}

function largeRequest(): Script {
  const script = new Script(
    "a large REQUEST is split into frames with the same id",
    "The body, including method number and fields, is split anywhere; all frames but the last have MORE.",
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
    .server("RESULT 1", result(1, ONE))
    .sees("client", "result", { call: 1, value: ONE });
}

function largeResult(): Script {
  const script = new Script(
    "a large RESULT is split into frames",
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
    "a large item is split into frames",
    "Each frame is charged. While the application waits, charges of parts are returned as they arrive, once half a window is owed.",
    { limits: { ...SMALL_FRAMES, client: { maxFrameBody: PART, ...most } } },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value: LARGE });
  const frames = fragments("ITEM", 1, fields() + LARGE.hex, PART);
  send(script, "server", frames);
  return script
    // The charges of two parts are half a window: 2 × (16,384 + 64).
    .client("CREDIT 1: 65,536 + 32,896", credit(1, 98_432))
    .crosses()
    .sees("client", "item", { call: 1, value: LARGE });
}

function interleaved(): Script {
  const body = fields() + LARGE.hex;
  const one = fragments("RESULT", 1, body, PART);
  const three = fragments("RESULT", 3, body, PART);
  const script = new Script(
    "the frames of two results may alternate",
    "Only the frames of one call must stay in order.",
    { subjects: ["client"], limits: SMALL_FRAMES },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
  one.forEach((hex, index) =>
    script.server(`RESULT 1, part ${index + 1}`, hex)
      .server(`RESULT 3, part ${index + 1}`, three[index]!)
      .server(`NOTIFY, between`, notify(0, ONE))
      .sees("client", "notified", { method: "alert", value: ONE })
  );
  // The events of a frame follow it, so the results come after the last two.
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
    "frames of other kinds may come between the frames of a REQUEST",
    "PING, and an item of another call. The split is within the block of fields.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .client("REQUEST 3, first part", first)
    .client("PING", named("PING", 0, "0011223344556677"))
    .server("PONG", named("PONG", 0, "0011223344556677"))
    .client("ITEM 1", item(1, ONE))
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: ONE })
    .requested(3, "add", second, { value: TWO });
}

function alternatingRequests(): Script {
  const [first, second] = [1, 3].map((id) => [
    named("REQUEST", id, call(ADD, int(id)).slice(0, 6), MORE),
    named("REQUEST", id, call(ADD, int(id)).slice(6)),
  ]) as [string[], string[]];
  return new Script(
    "the frames of different REQUESTs may alternate",
    "Only the first frames have rising ids; the second REQUEST is complete first. A whole REQUEST and a NOTIFY come between them.",
    { subjects: ["server"] },
  ).opened()
    .client("REQUEST 1, first part", first[0]!)
    .client("REQUEST 3, first part", second[0]!)
    .requested(5, "add", request(5, ADD, TWO), { value: TWO })
    .client("NOTIFY", notify(LOG, ONE))
    .sees("server", "notified", { method: "log", value: ONE })
    .requested(3, "add", second[1]!, { value: int(3) })
    .requested(1, "add", first[1]!, { value: ONE });
}

function cutNotify(): Script {
  const body = call(LOG, ONE);
  return new Script(
    "frames of other kinds may come between the frames of a NOTIFY",
    "A REQUEST and its parts, but no other NOTIFY.",
    { subjects: ["server"] },
  ).opened()
    .client("NOTIFY, first part", named("NOTIFY", 0, body.slice(0, 6), MORE))
    .client(
      "REQUEST 1, first part",
      named("REQUEST", 1, call(ADD, ONE).slice(0, 6), MORE),
    )
    .client("NOTIFY, last part", named("NOTIFY", 0, body.slice(6)))
    .sees("server", "notified", { method: "log", value: ONE })
    .requested(1, "add", named("REQUEST", 1, call(ADD, ONE).slice(6)), {
      value: ONE,
    });
}

function emptyParts(): Script {
  return new Script(
    "parts may be small, and even empty",
    "A message in five frames, one of them without a byte.",
    { subjects: ["server"] },
  ).opened()
    .client("part 1", named("REQUEST", 1, "00", MORE))
    .client("part 2", named("REQUEST", 1, "0000", MORE))
    .client("part 3", named("REQUEST", 1, "", MORE))
    .client("part 4", named("REQUEST", 1, "00", MORE))
    .requested(1, "add", named("REQUEST", 1, "07"), { value: int(7) });
}

/** All of them, in the order of PROTOCOL.md. */
export const FRAGMENTS: readonly Conversation[] = [
  largeRequest(),
  largeResult(),
  largeItem(),
  interleaved(),
  betweenParts(),
  emptyParts(),
  alternatingRequests(),
  cutNotify(),
].map((script) => script.conversation);
