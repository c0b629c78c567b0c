/** Conversations about messages that go over a bound, or are given up. */
import {
  bin,
  call,
  cancel,
  credit,
  error,
  fields,
  fragments,
  goaway,
  int,
  MORE,
  named,
  request,
} from "./bytes.ts";
import { ADD, type Conversation, Script, SUM } from "./script.ts";
import { send } from "./fragments.ts";

const ONE = int(1);
const PART = 16_384;

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
    subjects: ["server"],
    limits: { server: limits },
  }).opened();
  send(script, "client", parts);
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
      subjects: ["server"],
      limits: { server: { assemblyTimeout: 1000 } },
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
    { subjects: ["server"] },
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
      subjects: ["client"],
      limits: { client: { maxMessage: 65_536, maxFrameBody: PART } },
    },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE });
  const frames = fragments(
    "RESULT",
    1,
    fields() + bin("00", 90_000).hex,
    PART,
  );
  send(script, "server", frames.slice(0, 5));
  script
    .d("CANCEL 1", cancel(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "too-large", processed: "maybe", retry: "never" },
    });
  return script
    .l("part 6: dropped, and the last", frames[5]!)
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function mixedReply(): Script {
  return new Script(
    "a RESULT that goes on as an ERROR fails the call",
    "A message is of one kind.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("RESULT 1, first part", named("RESULT", 1, "00", MORE))
    .l("ERROR 1", error(1, { code: "internal", processed: "yes" }))
    .d("CANCEL 1", cancel(1))
    .sees("client", "failed", {
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
      subjects: ["client"],
      limits: { server: { maxFrameBody: PART, connectionWindow: 65_536 } },
    },
  ).opened()
    .do("client", "call", { call: 1, method: "add", value });
  send(script, "client", parts.slice(0, 4));
  return script
    .l("GOAWAY none, last id 0", goaway("none", 0, "draining"))
    .d("CANCEL 1", cancel(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "unavailable", processed: "no", retry: "now" },
    })
    .sees("client", "draining");
}

function tooManyItems(): Script {
  const script = new Script(
    "items beyond the memory for unfinished messages end their call",
    "maxAssembly is 65,536 here: parts of two items that somebody waits for are there, and paid for; another is too much. It is nobody's fault.",
    {
      subjects: ["server"],
      limits: { server: { maxAssembly: 65_536, maxFrameBody: PART * 2 } },
    },
  ).opened();
  const part = "00".repeat(30_000);
  for (const id of [1, 3]) {
    script
      .requested(id, "sum", request(id, SUM, undefined))
      .do("server", "read", { call: id })
      .d(`ITEM ${id}, first part`, named("ITEM", id, part, MORE))
      // What it cost, and the window doubled.
      .l(`CREDIT ${id}`, credit(id, 30_064 + 32_768));
  }
  return script
    .d("ITEM 3, second part", named("ITEM", 3, part, MORE))
    .sees("server", "cancelled", { call: 3, reason: "cancelled" })
    .l("ERROR 3", error(3, { code: "overloaded", retry: "later" }));
}

function brokenItem(): Script {
  const body = fields() + bin("00", 90_000).hex;
  const script = new Script(
    "an item over the receiver's limit breaks the call",
    "maxMessage is 65,536 here; the window is wide enough.",
    {
      subjects: ["server"],
      limits: {
        server: {
          maxMessage: 65_536,
          streamWindow: 262_144,
          maxStreamWindow: 262_144,
          maxFrameBody: PART,
        },
      },
    },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined));
  send(script, "client", fragments("ITEM", 1, body, PART).slice(0, 5));
  return script
    .sees("server", "cancelled", { call: 1, reason: "cancelled" })
    .l("ERROR 1", error(1, { code: "malformed" }))
    .d("ITEM 1, last part: late", named("ITEM", 1, "00"))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

const PARTS_OF_REQUEST = fragments(
  "REQUEST",
  1,
  call(ADD, bin("00", 90_000)),
  PART,
);

/** In the order of the document. */
export const BOUNDS: readonly Conversation[] = [
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
