/** Conversations in which frames of large messages alternate with other frames. */
import {
  bin,
  call,
  credit,
  error,
  fields,
  fragments,
  int,
  item,
  str,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";
import { PART, send, SMALL_FRAMES } from "./fragments.ts";

const ONE = int(1), TWO = int(2);
/** Values that need three frames. */
const LARGE = bin("ab", 40_000), OTHER = bin("cd", 40_000);
const SMALL = { maxFrameBody: PART };

/** Returns the frames of two messages, alternating. */
function inTurn(
  script: Script,
  from: Side,
  [one, two]: readonly [readonly string[], readonly string[]],
): void {
  one.forEach((hex, index) => send(script, from, [hex, two[index] ?? ""]));
}

function results(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `large RESULTs to the ${caller} alternate`,
    "Neither delays the other; a small one overtakes both.",
    { limits: SMALL_FRAMES },
  ).opened();
  const [one, two, three] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "unary", before).opens(ONE)
  ) as [CallScript, CallScript, CallScript];
  script
    .do(callee, "stall", { after: 0 })
    .do(callee, "respond", { call: one.id, value: LARGE })
    .do(callee, "respond", { call: two.id, value: OTHER });
  three.responds(TWO);
  script.do(callee, "flow");
  const parts = [
    fragments("RESULT", one.id, fields() + LARGE.hex, PART),
    fragments("RESULT", two.id, fields() + OTHER.hex, PART),
  ] as const;
  inTurn(script, callee, [parts[0].slice(0, -1), parts[1].slice(0, -1)]);
  send(script, callee, parts[0].slice(-1));
  script.sees(caller, "result", { call: one.id, value: LARGE });
  send(script, callee, parts[1].slice(-1));
  return script.sees(caller, "result", { call: two.id, value: OTHER });
}

function resultAndError(): Script {
  const script = new Script(
    "a large ERROR and a large RESULT alternate",
    "The data of a declared error may be as large as any other value.",
    { limits: SMALL_FRAMES },
  ).opened();
  const one = new CallScript(script, "client", "unary").opens(ONE);
  const two = new CallScript(script, "server", "unary").opens(ONE);
  const three = new CallScript(script, "client", "serverStream", 1)
    .opens(ONE);
  const parts = {
    code: "declared",
    processed: "yes",
    declared: "full",
    text: "full",
  } as const;
  script
    .do("server", "stall", { after: 0 })
    .do("server", "respond", { call: one.id, value: LARGE })
    .do("server", "fail", { call: three.id, ...parts, data: OTHER });
  two.responds(TWO);
  script.do("server", "flow");
  const body = error(three.id, { ...parts, data: OTHER }).slice(24);
  const frames = [
    fragments("RESULT", one.id, fields() + LARGE.hex, PART),
    fragments("ERROR", three.id, body, PART),
  ] as const;
  inTurn(script, "server", [frames[0].slice(0, -1), frames[1].slice(0, -1)]);
  send(script, "server", frames[0].slice(-1));
  one.answered(LARGE);
  send(script, "server", frames[1].slice(-1));
  three.failed({ retry: "never", ...parts, data: OTHER });
  return script;
}

function requests(caller: Side): Script {
  const script = new Script(
    `large REQUESTs of the ${caller} alternate`,
    "Neither delays the other; a RESULT comes between them, and an item before them.",
    { limits: SMALL_FRAMES },
  ).opened();
  const upload = new CallScript(script, caller, "clientStream").opens();
  const [one, two] = [1, 2].map((before) =>
    new CallScript(script, caller, "unary", before)
  ) as [CallScript, CallScript];
  script.do(caller, "stall", { after: 1 });
  one.asks(LARGE);
  const [first = "", ...rest] = fragments(
    "REQUEST",
    one.id,
    call(one.number, LARGE),
    PART,
  );
  send(script, caller, [first]);
  two.asks(OTHER);
  script.do(other(caller), "read", { call: upload.id })
    .do(caller, "send", { call: upload.id, value: ONE });
  const back = new CallScript(script, other(caller), "unary").opens(TWO);
  back.responds(ONE);
  script.do(caller, "flow");
  script.frame(caller, `ITEM ${upload.id}`, item(upload.id, ONE))
    .sees(other(caller), "item", { call: upload.id, value: ONE });
  const parts = fragments("REQUEST", two.id, call(two.number, OTHER), PART);
  inTurn(script, caller, [rest.slice(0, 1), parts.slice(0, 1)]);
  send(script, caller, rest.slice(1));
  one.arrives(LARGE);
  send(script, caller, parts.slice(1));
  two.arrives(OTHER).responds(ONE);
  one.responds(TWO);
  return script;
}

/** Writes frames, each sent before the preceding ones had arrived. */
function crossing(
  script: Script,
  from: Side,
  about: string,
  frames: readonly string[],
): void {
  for (const hex of frames) script.frame(from, about, hex).crosses();
}

function items(caller: Side): Script {
  const callee = other(caller);
  const window = { streamWindow: 1024, maxStreamWindow: 1024 };
  const script = new Script(
    `large items of two streams of the ${caller} are sent as credit arrives`,
    "Windows of 1,024: a part waits for the credit of the previous one, while parts of the other stream are sent.",
    { limits: { [caller]: { ...SMALL, ...window }, [callee]: SMALL } },
  ).opened();
  const streams = [LARGE, OTHER].map((value, before) => {
    const { id } = new CallScript(script, caller, "serverStream", before)
      .opens(ONE);
    return {
      id,
      value,
      parts: fragments("ITEM", id, fields() + value.hex, PART),
    };
  });
  const part = (index: number) =>
    streams.map(({ parts }) => parts[index] ?? "");
  const pay = (total: number) => streams.map(({ id }) => credit(id, total));
  for (const { id, value, parts } of streams) {
    script.do(callee, "send", { call: id, value });
    send(script, callee, parts.slice(0, 1));
  }
  for (const { id } of streams) {
    script.do(caller, "read", { call: id });
    crossing(script, caller, "CREDIT: part 1", [credit(id, 17_472)]);
  }
  crossing(script, callee, "part 2", part(1));
  crossing(script, caller, "CREDIT: part 2", pay(33_920));
  crossing(script, callee, "part 3", part(2));
  crossing(script, caller, "CREDIT: part 3", pay(41_221));
  for (const { id, value } of streams) {
    script.sees(caller, "item", { call: id, value });
  }
  return script;
}

function uploadAndDownload(): Script {
  const script = new Script(
    "large items of one duplex call cross",
    "Both directions have their own frames and their own credit.",
    {
      limits: {
        client: { ...SMALL, streamWindow: 262_144 },
        server: { ...SMALL, streamWindow: 262_144 },
      },
    },
  ).opened();
  const { id } = new CallScript(script, "client", "duplex").opens(str("a"));
  for (const side of SIDES) script.do(side, "read", { call: id });
  const values = { client: LARGE, server: OTHER };
  for (const side of SIDES) {
    script.do(side, "send", { call: id, value: values[side] });
  }
  const parts = (side: Side) =>
    fragments("ITEM", id, fields() + values[side].hex, PART);
  const servers = parts("server");
  parts("client").forEach((hex, index) => {
    script.client(`part ${index + 1} up`, hex).crosses()
      .server(`part ${index + 1} down`, servers[index] ?? "").crosses();
  });
  for (const side of SIDES) {
    script.sees(side, "item", { call: id, value: values[other(side)] });
  }
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const ALTERNATING: readonly Conversation[] = [
  ...SIDES.flatMap((caller) => [
    results(caller),
    requests(caller),
    items(caller),
  ]),
  resultAndError(),
  uploadAndDownload(),
].map((script) => script.conversation);
