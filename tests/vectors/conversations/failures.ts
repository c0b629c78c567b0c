/** Conversations about errors that a callee sends, in every shape. */
import { bin, error, int, map, request, str, type Value } from "./bytes.ts";
import { CallScript, type CallShape, SIDES } from "./call_script.ts";
import { ASK, type Conversation, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
const NEVER = { processed: "no", retry: "never" } as const;

const DECLARED = {
  code: "declared",
  processed: "yes",
  declared: "outOfStock",
  data: map({ left: TWO }),
  text: "only two left",
} as const;

function declaredUnary(): Script {
  const script = new Script(
    "a declared error of the client reaches the server",
    "Handlers work the same at both ends.",
  ).opened();
  new CallScript(script, "server", "unary").opens(ONE).fails(DECLARED);
  new CallScript(script, "server", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

/** Writes items in the directions of a shape, before the handler fails. */
function begun(script: Script, caller: Side, shape: CallShape): CallScript {
  const call = new CallScript(script, caller, shape);
  if (shape === "serverStream") return call.opens(ONE).downloads(ONE);
  if (shape === "clientStream") return call.opens().uploads(ONE);
  return call.opens().uploads(ONE).downloads(TWO);
}

function declared(caller: Side, shape: CallShape): Script {
  const script = new Script(
    `a ${shape} call of the ${caller} ends with a declared error`,
    "In the middle of its items; the next call is not affected.",
  ).opened();
  begun(script, caller, shape).fails(DECLARED);
  new CallScript(script, caller, "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function behindEnd(caller: Side): Script {
  const script = new Script(
    `a duplex call of the ${caller} fails after END`,
    "An error may occur in any state of a call.",
  ).opened();
  new CallScript(script, caller, "duplex")
    .opens(str("a")).uploads(ONE).ends().downloads(TWO)
    .fails({ code: "internal", processed: "yes", incident: "4711-b" });
  return script;
}

function framework(
  code: string,
  meaning: string,
  parts: {
    processed: "no" | "maybe" | "yes";
    retry?: "never" | "later" | "now";
    retryAfter?: number;
    data?: Value;
  },
): Script {
  const script = new Script(`a call fails with ${code}`, meaning).opened();
  for (const caller of SIDES) {
    new CallScript(script, caller, "unary").opens(ONE).fails({
      code,
      ...parts,
    });
  }
  return script;
}

function wrongInput(): Script {
  const data = {
    hex: "81" + str("issues").hex + "91" +
      map({ message: str("too few") }).hex,
    json: { issues: [{ message: "too few" }] },
  };
  return framework(
    "invalid",
    "The data describes the issues with the input.",
    { processed: "no", data },
  );
}

function largeResult(): Script {
  const script = new Script(
    "a result larger than the caller accepts becomes an error",
    "The client's maxMessage is 65,536: the server knows this and sends an ERROR instead.",
    { limits: { client: { maxMessage: 65_536 } } },
  ).opened();
  const call = new CallScript(script, "client", "unary").opens(ONE);
  const parts = { code: "too-large", processed: "yes" } as const;
  script
    .do("server", "respond", { call: 1, value: bin("00", 70_000) })
    .server("ERROR 1", error(1, parts));
  call.failed({ ...parts, retry: "never" });
  return script;
}

function largeInput(): Script {
  const script = new Script(
    "an input larger than the callee accepts is not sent",
    "The client's maxMessage is 65,536; the next call gets the id.",
    { limits: { client: { maxMessage: 65_536 } } },
  ).opened();
  const call = new CallScript(script, "server", "unary");
  call.asks(bin("00", 70_000)).failed({ code: "too-large", ...NEVER });
  call.opens(ONE).responds(TWO);
  return script;
}

function unserved(): Script {
  const fails = { code: "unimplemented", processed: "no" } as const;
  const script = new Script(
    "methods that the client does not serve are refused",
    "Nothing is announced in this direction: ask is missing, tail is unary. The server learns of it from the ERROR.",
    { knows: { client: { serves: [["alert", 1, 0], ["tail", 0, 0]] } } },
  ).opened();
  script
    .do("server", "call", { call: 2, method: "ask", value: ONE })
    .server("REQUEST 2: ask", request(2, ASK, ONE))
    .client("ERROR 2", error(2, fails))
    .sees("server", "failed", { call: 2, ...fails, retry: "never" });
  const tail = new CallScript(script, "server", "serverStream", 1);
  tail.asks(ONE).leaves(ONE);
  script.client("ERROR 4", error(4, fails));
  tail.failed({ ...fails, retry: "never" });
  return script;
}

const STREAMS: readonly CallShape[] = [
  "serverStream",
  "clientStream",
  "duplex",
];

/** All of them, in the order of PROTOCOL.md. */
export const FAILURES: readonly Conversation[] = [
  declaredUnary(),
  ...SIDES.flatMap((caller) => [
    ...STREAMS.map((shape) => declared(caller, shape)),
    behindEnd(caller),
  ]),
  wrongInput(),
  framework("unauthenticated", "The credentials are no longer valid.", {
    processed: "yes",
  }),
  framework("forbidden", "RETRY_AFTER is the pause before a retry.", {
    processed: "yes",
    retry: "later",
    retryAfter: 250,
  }),
  framework("unavailable", "The grace of a drain has passed.", {
    processed: "yes",
    retry: "now",
  }),
  framework("too-large", "A limit of the handler itself.", {
    processed: "maybe",
  }),
  largeResult(),
  largeInput(),
  unserved(),
].map((script) => script.conversation);
