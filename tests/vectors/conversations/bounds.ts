/** Conversations about messages that exceed a limit or are abandoned. */
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
  item,
  MORE,
  named,
  request,
  result,
  uint,
} from "./bytes.ts";
import {
  CallScript,
  type CallShape,
  fillPlaces,
  SIDES,
} from "./call_script.ts";
import {
  ADD,
  type Conversation,
  other,
  Script,
  type Side,
  SUM,
} from "./script.ts";
import { send } from "./fragments.ts";

const ONE = int(1), TWO = int(2);
const PART = 16_384;

function refusedParts(
  name: string,
  meaning: string,
  options: {
    limits: Record<string, number>;
    parts: string[];
    code: string;
  },
): Script {
  const { limits, parts, code } = options;
  const script = new Script(name, meaning, {
    subjects: ["server"],
    limits: { server: limits },
  }).opened();
  send(script, "client", parts);
  return script
    .server("ERROR 1", error(1, { code, processed: "no" }))
    .client(
      "REQUEST 1, one more part: dropped",
      named("REQUEST", 1, "00", MORE),
    )
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function overloadedParts(): Script {
  const body = call(ADD, bin("00", 70_000));
  const parts = fragments("REQUEST", 1, body, PART);
  const value = bin("00", 70_000);
  const script = new Script(
    "a REQUEST beyond the limit on unfinished messages is refused",
    "maxAssembly is 131,072, half of it for messages other than items: the first REQUEST fills it, and may exceed it alone.",
    {
      subjects: ["server"],
      limits: { server: { maxAssembly: 131_072, maxFrameBody: PART } },
    },
  ).opened();
  send(script, "client", parts.slice(0, 4));
  const refusal = {
    code: "overloaded",
    processed: "no",
    retry: "later",
  } as const;
  return script
    .client("REQUEST 3, first part", named("REQUEST", 3, "00", MORE))
    .server("ERROR 3", error(3, refusal))
    .client("REQUEST 3, last part: dropped", named("REQUEST", 3, "00"))
    .requested(1, "add", parts[4]!, { value })
    .requested(5, "add", request(5, ADD, ONE), { value: ONE });
}

function lateParts(): Script {
  return new Script(
    "a REQUEST that is not complete in time is refused",
    "The limit is 30 s from its first frame by default, 1 s here.",
    {
      subjects: ["server"],
      limits: { server: { assemblyTimeout: 1000 } },
    },
  ).opened()
    .client("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .advance(1016)
    .server("ERROR 1", error(1, { code: "deadline", processed: "no" }))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

function cancelledParts(): Script {
  return new Script(
    "CANCEL ends an incomplete REQUEST",
    "The callee drops the parts that it has; the others need not follow.",
    { subjects: ["server"] },
  ).opened()
    .client("REQUEST 1, first part", named("REQUEST", 1, "0000", MORE))
    .client("CANCEL 1", cancel(1))
    .server("ERROR 1", error(1, { code: "cancelled", processed: "no" }))
    .client("REQUEST 3, first part", named("REQUEST", 3, "0000", MORE))
    .client("CANCEL 3, reason 1", cancel(3, 1))
    .server("ERROR 3", error(3, { code: "deadline", processed: "no" }))
    .requested(5, "add", request(5, ADD, ONE), { value: ONE });
}

function largeReply(): Script {
  const script = new Script(
    "a reply larger than the caller's limit fails the call",
    "maxMessage is 65,536, plus 9 KiB for fields. The caller sends CANCEL and drops the rest.",
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
    .client("CANCEL 1", cancel(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "too-large", processed: "maybe", retry: "never" },
    });
  return script
    .server("part 6, the last: dropped", frames[5]!)
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

const BROKEN = { code: "malformed", processed: "maybe", retry: "never" };

/** A reply whose last frame breaks the call. */
function brokenTerminal(
  name: string,
  meaning: string,
  frames: (id: number) => readonly string[],
): Script[] {
  return SIDES.map((caller) => {
    const callee = other(caller);
    const script = new Script(
      `${name}: a call of the ${caller}`,
      `${meaning} The last frame is the terminal: it frees the call's place, and no CANCEL is sent. maxCalls is 32, and the 33rd call waits.`,
      { subjects: [caller], limits: { [callee]: { maxCalls: 32 } } },
    ).opened();
    const { calls: [broken], waits } = fillPlaces(script, 32, caller);
    const { id } = broken!; // there are 32
    waits.asks(TWO);
    frames(id).forEach((hex, index) =>
      script.frame(callee, `part ${index + 1} of the reply to ${id}`, hex)
    );
    broken!.failed(BROKEN);
    waits.leaves(TWO).arrives(TWO);
    script.frame(callee, `RESULT ${id}: late`, result(id, ONE));
    waits.responds(ONE);
    return script;
  });
}

function mixedPart(): Script {
  return new Script(
    "a RESULT that continues as an ERROR with MORE is cancelled",
    "The frame is not the terminal: the caller sends CANCEL and waits for the last frame.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .server("RESULT 1, first part", named("RESULT", 1, "00", MORE))
    .server("ERROR 1, a part", named("ERROR", 1, "00", MORE))
    .client("CANCEL 1", cancel(1))
    .sees("client", "failed", { call: 1, ...BROKEN })
    .server("ERROR 1, the last part: dropped", named("ERROR", 1, "00"))
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

function largeTerminal(): Script {
  const script = new Script(
    "a reply whose last frame exceeds the caller's limit needs no CANCEL",
    "maxMessage is 65,536, plus 9 KiB for fields; the fifth frame is the last.",
    {
      subjects: ["client"],
      limits: { client: { maxMessage: 65_536, maxFrameBody: PART } },
    },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE });
  const body = fields() + bin("00", 80_000).hex;
  send(script, "server", fragments("RESULT", 1, body, PART));
  return script
    .sees("client", "failed", { call: 1, ...BROKEN, code: "too-large" })
    .called(3, "add", request(3, ADD, ONE), { value: ONE });
}

/** A frame of a call between the frames of its own REQUEST. */
function brokenRequest(
  caller: Side,
  shape: CallShape,
  kind: "ITEM" | "END" | "CREDIT",
  body: string,
): Script {
  const callee = other(caller);
  const script = new Script(
    `${kind} between the frames of its own REQUEST breaks the ${caller}'s ${shape} call`,
    "The callee refuses the call immediately and drops the rest of the REQUEST. The connection continues.",
    { subjects: [callee] },
  ).opened();
  const { id, number } = new CallScript(script, caller, shape);
  const [first, second] = [call(number, ONE).slice(0, 6), "0007"];
  const failure = error(id, { code: "malformed", processed: "no" });
  script
    .frame(
      caller,
      `REQUEST ${id}, first part`,
      named("REQUEST", id, first, MORE),
    )
    .frame(caller, `${kind} ${id}`, named(kind, id, body))
    .frame(callee, `ERROR ${id}`, failure)
    .frame(caller, `${kind} ${id} again: late`, named(kind, id, body))
    .frame(
      caller,
      `REQUEST ${id}, second part: dropped`,
      named("REQUEST", id, second.slice(0, 2), MORE),
    )
    .frame(
      caller,
      `REQUEST ${id}, last part: dropped`,
      named("REQUEST", id, second.slice(2)),
    );
  const next = new CallScript(script, caller, "unary", 1);
  next.leaves(ONE).arrives(ONE);
  script
    .do(callee, "respond", { call: next.id, value: TWO })
    .frame(callee, `RESULT ${next.id}`, result(next.id, TWO));
  return script;
}

function cutByGoaway(): Script {
  const value = bin("ef", 100_000);
  const parts = fragments("REQUEST", 1, call(ADD, value), PART);
  const script = new Script(
    "a REQUEST that a GOAWAY interrupts is abandoned with CANCEL",
    "Its fifth part waits for credit: 65,536 − 4 × 16,448.",
    {
      subjects: ["client"],
      limits: { server: { maxFrameBody: PART, connectionWindow: 65_536 } },
    },
  ).opened()
    .do("client", "call", { call: 1, method: "add", value });
  send(script, "client", parts.slice(0, 4));
  return script
    .server("GOAWAY drain, last id 0", goaway("drain", 0, "draining"))
    .client("CANCEL 1", cancel(1))
    .sees("client", "failed", {
      ...{ call: 1, code: "unavailable", processed: "no", retry: "now" },
    })
    .sees("client", "draining");
}

function tooManyItems(): Script {
  const value = bin("00", 40_000);
  const script = new Script(
    "a part beyond the budget for items waits until the item before it was taken",
    "maxAssembly is 131,072, which leaves only the reserve for an awaited item: the second stream gets it once the first item was handed out.",
    {
      library: true,
      subjects: ["server"],
      limits: { server: { maxAssembly: 131_072, maxFrameBody: PART * 2 } },
    },
  ).opened();
  const parts = (id: number) =>
    fragments("ITEM", id, fields() + value.hex, PART * 2);
  // The window, the charge of the first part, and the raise of the window.
  const total = 32_768 + 32_832 + 32_768;
  for (const id of [1, 3]) {
    script
      .requested(id, "sum", request(id, SUM, undefined))
      .do("server", "read", { call: id })
      .client(`ITEM ${id}, first part`, parts(id)[0]!);
    if (id === 1) script.server("CREDIT 1", credit(1, total));
  }
  return script
    .client("ITEM 1, second part", parts(1)[1]!)
    .server("CREDIT 3", credit(3, total))
    .sees("server", "item", { call: 1, value })
    .client("ITEM 3, second part", parts(3)[1]!)
    .sees("server", "item", { call: 3, value });
}

function brokenItem(): Script {
  const body = fields() + bin("00", 90_000).hex;
  const script = new Script(
    "an item larger than the receiver's limit breaks the call",
    "maxMessage is 65,536; the window is large enough.",
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
    .server("ERROR 1", error(1, { code: "malformed" }))
    .client("ITEM 1, last part: late", named("ITEM", 1, "00"))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

const PARTS_OF_REQUEST = fragments(
  "REQUEST",
  1,
  call(ADD, bin("00", 90_000)),
  PART,
);

/** All of them, in the order of PROTOCOL.md. */
export const BOUNDS: readonly Conversation[] = [
  refusedParts(
    "a REQUEST is refused as soon as it exceeds the limit",
    "maxMessage is 65,536, plus 9 KiB for method and fields: the fifth part exceeds it.",
    {
      limits: { maxMessage: 65_536, maxFrameBody: PART },
      parts: PARTS_OF_REQUEST.slice(0, 5),
      code: "too-large",
    },
  ),
  refusedParts(
    "a REQUEST in too many frames is refused",
    "maxFragments is 3.",
    {
      limits: { maxFragments: 3 },
      parts: Array.from({ length: 4 }, () => named("REQUEST", 1, "00", MORE)),
      code: "too-large",
    },
  ),
  overloadedParts(),
  lateParts(),
  cancelledParts(),
  largeReply(),
  ...brokenTerminal(
    "a RESULT that continues as an ERROR",
    "A message has one kind.",
    (id) => [
      named("RESULT", id, "00", MORE),
      error(id, { code: "internal", processed: "yes" }),
    ],
  ),
  ...brokenTerminal(
    "an ERROR that continues as a RESULT",
    "A message has one kind.",
    (id) => [named("ERROR", id, "05", MORE), result(id, ONE)],
  ),
  mixedPart(),
  largeTerminal(),
  ...SIDES.flatMap((caller) => [
    brokenRequest(caller, "clientStream", "ITEM", item(0, ONE).slice(24)),
    brokenRequest(caller, "clientStream", "END", ""),
    brokenRequest(caller, "duplex", "CREDIT", uint(100, 8)),
    brokenRequest(caller, "unary", "ITEM", item(0, ONE).slice(24)),
  ]),
  cutByGoaway(),
  brokenItem(),
  tooManyItems(),
].map((script) => script.conversation);
