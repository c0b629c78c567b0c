/** Conversations about messages in several frames. */
import {
  bin,
  call,
  cancel,
  error,
  fields,
  fragments,
  goaway,
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
const PART = 16_384;
/** Three frames' worth. */
const LARGE = bin("ab", 40_000);
const SMALL_FRAMES = {
  dialler: { maxFrameBody: PART },
  listener: { maxFrameBody: PART },
};

function send(script: Script, from: Side, frames: readonly string[]): Script {
  frames.forEach((hex, index) => {
    const about = `part ${index + 1} of ${frames.length}`;
    if (from === "dialler") script.d(about, hex);
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
    .do("dialler", "call", { call: 1, method: "add", value: LARGE });
  send(
    script,
    "dialler",
    fragments("REQUEST", 1, call(ADD, LARGE), PART),
  );
  return script
    .sees("listener", "request", { call: 1, method: "add", value: LARGE })
    .do("listener", "respond", { call: 1, value: ONE })
    .l("RESULT 1", result(1, ONE))
    .sees("dialler", "result", { call: 1, value: ONE });
}

function largeResult(): Script {
  const script = new Script(
    "a large RESULT is cut into frames",
    "It needs no credit.",
    { limits: SMALL_FRAMES },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("listener", "respond", { call: 1, value: LARGE });
  send(
    script,
    "listener",
    fragments("RESULT", 1, fields() + LARGE.hex, PART),
  );
  return script.sees("dialler", "result", { call: 1, value: LARGE });
}

function largeItem(): Script {
  const most = { streamWindow: 65_536, maxStreamWindow: 65_536 };
  const script = new Script(
    "a large item is cut into frames",
    "Each is charged for itself; parts that are waited for are paid for as they come, in portions of half a window.",
    { limits: { ...SMALL_FRAMES, dialler: { maxFrameBody: PART, ...most } } },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("dialler", "read", { call: 1 })
    .do("listener", "send", { call: 1, value: LARGE });
  const frames = fragments("ITEM", 1, fields() + LARGE.hex, PART);
  send(script, "listener", frames);
  return script
    // Two parts are worth half a window: 2 × (16,384 + 64).
    .d("CREDIT 1: 32,896", named("CREDIT", 1, "00008080"))
    .crosses()
    .sees("dialler", "item", { call: 1, value: LARGE });
}

function interleaved(): Script {
  const body = fields() + LARGE.hex;
  const one = fragments("RESULT", 1, body, PART);
  const three = fragments("RESULT", 3, body, PART);
  const script = new Script(
    "the frames of two results may alternate",
    "Only the frames of one call keep their order.",
    { subjects: ["dialler"], limits: SMALL_FRAMES },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO });
  one.forEach((hex, index) =>
    script.l(`RESULT 1, part ${index + 1}`, hex)
      .l(`RESULT 3, part ${index + 1}`, three[index]!)
      .l(`NOTIFY, between`, notify(0, ONE))
      .sees("dialler", "notified", { method: "alert", value: ONE })
  );
  // The events of a frame follow it: the results belong behind the last two.
  const steps = script.conversation.steps;
  const [last, alert, alerted] = steps.splice(-3);
  script.sees("dialler", "result", { call: 1, value: LARGE });
  steps.push(last!);
  script.sees("dialler", "result", { call: 3, value: LARGE });
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
    { subjects: ["listener"] },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .d("REQUEST 3, first part", first)
    .d("PING", named("PING", 0, "0011223344556677"))
    .l("PONG", named("PONG", 0, "0011223344556677"))
    .d("ITEM 1", item(1, ONE))
    .do("listener", "read", { call: 1 })
    .sees("listener", "item", { call: 1, value: ONE })
    .requested(3, "add", second, { value: TWO });
}

function mixedRequests(name: string, second: string): Script {
  return new Script(
    name,
    "The frames of a REQUEST or NOTIFY stand together among REQUEST and NOTIFY frames.",
    { subjects: ["listener"] },
  ).opened()
    .d("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .d("another one begins", second)
    .closedByListener("protocol");
}

function emptyParts(): Script {
  return new Script(
    "parts may be small, and even empty",
    "A message in five frames, one of them without a byte.",
    { subjects: ["listener"] },
  ).opened()
    .d("part 1", named("REQUEST", 1, "00", MORE))
    .d("part 2", named("REQUEST", 1, "0000", MORE))
    .d("part 3", named("REQUEST", 1, "", MORE))
    .d("part 4", named("REQUEST", 1, "00", MORE))
    .requested(1, "add", named("REQUEST", 1, "07"), { value: int(7) });
}

function refusedParts(
  name: string,
  meaning: string,
  options: {
    limits: Record<string, number>;
    parts: string[];
    code: string;
    retry?: "later";
  },
): Script {
  const { limits, parts, code, retry = "never" } = options;
  const script = new Script(name, meaning, {
    subjects: ["listener"],
    limits: { listener: limits },
  }).opened();
  send(script, "dialler", parts);
  return script
    .l("ERROR 1", error(1, { code, processed: "no", retry }))
    .d("REQUEST 1, one more part: dropped", named("REQUEST", 1, "00", MORE))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function lateParts(): Script {
  return new Script(
    "a REQUEST that is not whole in time is refused",
    "30 s from its first frame by default, 1 s here.",
    {
      subjects: ["listener"],
      limits: { listener: { assemblyTimeout: 1000 } },
    },
  ).opened()
    .d("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .advance(1016)
    .l("ERROR 1", error(1, { code: "deadline", processed: "no" }))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function cancelledParts(): Script {
  return new Script(
    "CANCEL of a REQUEST that is not whole ends it",
    "The callee drops what it has; the rest need not follow.",
    { subjects: ["listener"] },
  ).opened()
    .d("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .d("CANCEL 1", cancel(1))
    .l("ERROR 1", error(1, { code: "cancelled", processed: "no" }))
    .d("REQUEST 3, first part", named("REQUEST", 3, "0000", MORE))
    .d("CANCEL 3, reason 1", cancel(3, 1))
    .l("ERROR 3", error(3, { code: "deadline", processed: "no" }))
    .requested(5, "add", request(5, ADD, ONE), { value: ONE });
}

function largeReply(): Script {
  const script = new Script(
    "a reply over the caller's limit fails the call",
    "maxMessage is 65,536 here, and 9 KiB for fields on top. The caller sends CANCEL and drops the rest.",
    {
      subjects: ["dialler"],
      limits: { dialler: { maxMessage: 65_536, maxFrameBody: PART } },
    },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE });
  const frames = fragments(
    "RESULT",
    1,
    fields() + bin("00", 90_000).hex,
    PART,
  );
  send(script, "listener", frames.slice(0, 5));
  script
    .d("CANCEL 1", cancel(1))
    .sees("dialler", "failed", {
      ...{ call: 1, code: "too-large", processed: "maybe", retry: "never" },
    });
  return script
    .l("part 6: dropped, and the last", frames[5]!)
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function brokenItem(): Script {
  const body = fields() + bin("00", 90_000).hex;
  const script = new Script(
    "an item over the receiver's limit breaks the call",
    "maxMessage is 65,536 here; the window is wide enough.",
    {
      subjects: ["listener"],
      limits: {
        listener: {
          maxMessage: 65_536,
          streamWindow: 262_144,
          maxStreamWindow: 262_144,
          maxFrameBody: PART,
        },
      },
    },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined));
  send(script, "dialler", fragments("ITEM", 1, body, PART).slice(0, 5));
  return script
    .sees("listener", "cancelled", { call: 1, reason: "cancelled" })
    .l("ERROR 1", error(1, { code: "malformed" }))
    .d("ITEM 1, last part: late", named("ITEM", 1, "00"))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function mixedReply(): Script {
  return new Script(
    "a RESULT that goes on as an ERROR fails the call",
    "A message is of one kind.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("RESULT 1, first part", named("RESULT", 1, "00", MORE))
    .l("ERROR 1", error(1, { code: "internal", processed: "yes" }))
    .d("CANCEL 1", cancel(1))
    .sees("dialler", "failed", {
      ...{ call: 1, code: "malformed", processed: "maybe", retry: "never" },
    })
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function cutByGoaway(): Script {
  const value = bin("ef", 100_000);
  const parts = fragments("REQUEST", 1, call(ADD, value), PART);
  const script = new Script(
    "a REQUEST that a GOAWAY cuts short is given up with CANCEL",
    "Its fifth part waits for credit: 65,536 − 4 × 16,448.",
    {
      subjects: ["dialler"],
      limits: { listener: { maxFrameBody: PART, connectionWindow: 65_536 } },
    },
  ).opened()
    .do("dialler", "call", { call: 1, method: "add", value });
  send(script, "dialler", parts.slice(0, 4));
  return script
    .l("GOAWAY none, last id 0", goaway("none", 0, "draining"))
    .d("CANCEL 1", cancel(1))
    .sees("dialler", "failed", {
      ...{ call: 1, code: "unavailable", processed: "no", retry: "now" },
    })
    .sees("dialler", "draining");
}

function tooManyItems(): Script {
  const script = new Script(
    "items beyond the memory for unfinished messages end their call",
    "maxAssembly is 65,536 here: two halves of items are there, the third is too much. It is nobody's fault.",
    {
      subjects: ["listener"],
      limits: { listener: { maxAssembly: 65_536, maxFrameBody: PART * 2 } },
    },
  ).opened();
  const part = "00".repeat(30_000);
  for (const id of [1, 3, 5]) {
    script
      .requested(id, "sum", request(id, SUM, undefined))
      .d(`ITEM ${id}, first part`, named("ITEM", id, part, MORE));
  }
  return script
    .sees("listener", "cancelled", { call: 5, reason: "cancelled" })
    .l("ERROR 5", error(5, { code: "overloaded" }));
}

const PARTS_OF_REQUEST = fragments(
  "REQUEST",
  1,
  call(ADD, bin("00", 90_000)),
  PART,
);

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
  refusedParts(
    "a REQUEST over the limit is refused when it goes over",
    "maxMessage is 65,536 here, and 9 KiB for method and fields on top: the fifth part is too much.",
    {
      limits: { maxMessage: 65_536, maxFrameBody: PART },
      parts: PARTS_OF_REQUEST.slice(0, 5),
      code: "too-large",
    },
  ),
  refusedParts(
    "a REQUEST in too many frames is refused",
    "maxFragments is 3 here.",
    {
      limits: { maxFragments: 3 },
      parts: Array.from({ length: 4 }, () => named("REQUEST", 1, "00", MORE)),
      code: "too-large",
    },
  ),
  refusedParts(
    "a REQUEST beyond the memory for unfinished messages is refused",
    "maxAssembly is 65,536 here, for all of a connection.",
    {
      limits: { maxAssembly: 65_536, maxFrameBody: PART },
      parts: PARTS_OF_REQUEST.slice(0, 5),
      code: "overloaded",
      retry: "later",
    },
  ),
  lateParts(),
  cancelledParts(),
  largeReply(),
  mixedReply(),
  cutByGoaway(),
  brokenItem(),
  tooManyItems(),
].map((script) => script.conversation);
