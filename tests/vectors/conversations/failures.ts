/** Conversations about the errors that a callee sends, in every shape. */
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
    "a declared error of the client's reaches the server",
    "Handlers are the same at both ends.",
  ).opened();
  new CallScript(script, "server", "unary").opens(ONE).fails(DECLARED);
  new CallScript(script, "server", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

/** Items in the directions that a shape has, up to where the handler fails. */
function begun(script: Script, caller: Side, shape: CallShape): CallScript {
  const call = new CallScript(script, caller, shape);
  if (shape === "serverStream") return call.opens(ONE).downloads(ONE);
  if (shape === "clientStream") return call.opens().uploads(ONE);
  return call.opens().uploads(ONE).downloads(TWO);
}

function declared(caller: Side, shape: CallShape): Script {
  const script = new Script(
    `a ${shape} call of the ${caller}'s ends with a declared error`,
    "In the middle of its items; the next call is none the worse.",
  ).opened();
  begun(script, caller, shape).fails(DECLARED);
  new CallScript(script, caller, "unary", 1).opens(ONE).responds(TWO);
  return script;
}

function behindEnd(caller: Side): Script {
  const script = new Script(
    `a duplex call of the ${caller}'s fails behind END`,
    "An error may come in any state of a call.",
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
    "Data: what is wrong with the input, in words.",
    { processed: "no", data },
  );
}

function largeResult(): Script {
  const script = new Script(
    "a result that the caller does not accept is an error",
    "The client's maxMessage is 65,536: the server knows, and says so instead.",
    { limits: { client: { maxMessage: 65_536 } } },
  ).opened();
  const call = new CallScript(script, "client", "unary").opens(ONE);
  const parts = { code: "too-large", processed: "yes" } as const;
  script
    .do("server", "respond", { call: 1, value: bin("00", 70_000) })
    .l("ERROR 1", error(1, parts));
  call.failed({ ...parts, retry: "never" });
  return script;
}

function largeInput(): Script {
  const script = new Script(
    "an input that the callee does not accept does not leave",
    "The client's maxMessage is 65,536; the id of the call goes to the next.",
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
    "what the client does not serve is refused",
    "Nothing is announced in this direction: ask is not there, tail is unary. The server learns of it from the ERROR.",
    { knows: { client: { serves: [["alert", 1, 0], ["tail", 0, 0]] } } },
  ).opened();
  script
    .do("server", "call", { call: 2, method: "ask", value: ONE })
    .l("REQUEST 2: ask", request(2, ASK, ONE))
    .d("ERROR 2", error(2, fails))
    .sees("server", "failed", { call: 2, ...fails, retry: "never" });
  const tail = new CallScript(script, "server", "serverStream", 1);
  tail.asks(ONE).leaves(ONE);
  script.d("ERROR 4", error(4, fails));
  tail.failed({ ...fails, retry: "never" });
  return script;
}

const STREAMS: readonly CallShape[] = [
  "serverStream",
  "clientStream",
  "duplex",
];

/** In the order of the document. */
export const FAILURES: readonly Conversation[] = [
  declaredUnary(),
  ...SIDES.flatMap((caller) => [
    ...STREAMS.map((shape) => declared(caller, shape)),
    behindEnd(caller),
  ]),
  wrongInput(),
  framework("unauthenticated", "The credentials do not hold any more.", {
    processed: "yes",
  }),
  framework("forbidden", "A pause may help: RETRY_AFTER.", {
    processed: "yes",
    retry: "later",
    retryAfter: 250,
  }),
  framework("unavailable", "The grace of a drain is over.", {
    processed: "yes",
    retry: "now",
  }),
  framework("too-large", "A limit of the handler's own.", {
    processed: "maybe",
  }),
  largeResult(),
  largeInput(),
  unserved(),
].map((script) => script.conversation);
