/** Conversations about the five shapes, with either end as the caller. */
import { int, metadata, NONE, notify, str } from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { ALERT, type Conversation, LOG, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2), THREE = int(3);
const ASKED = { metadata: { trace: "00-ab", lang: "de" } };
const ANSWERED = { metadata: { cost: "4" } };

/** Calls of the server; other conversations contain the client's. */
function unary(): Script {
  const script = new Script(
    "the server's unary call has a deadline and metadata too",
    "The server's ids begin with 2.",
  ).opened();
  const beside = { timeout: 1500, ...ASKED };
  new CallScript(script, "server", "unary")
    .opens(ONE, beside).responds(TWO, ANSWERED);
  new CallScript(script, "server", "unary", 1).opens(NONE).responds(NONE);
  return script;
}

function serverStream(): Script {
  const script = new Script(
    "the server's server stream has the client's items",
    "The same frames with an even id.",
  ).opened();
  new CallScript(script, "server", "serverStream")
    .opens(THREE).downloads(ONE, TWO, THREE).responds();
  return script;
}

function clientStream(): Script {
  const script = new Script(
    "the server's client stream has items, END, and the client's RESULT",
    "Without an opening the REQUEST has no value.",
  ).opened();
  new CallScript(script, "server", "clientStream")
    .opens().uploads(ONE, TWO).ends().responds(THREE);
  return script;
}

function duplex(): Script {
  const script = new Script(
    "the server's duplex call has items in both directions",
    "The callee may send items before and after END.",
  ).opened();
  new CallScript(script, "server", "duplex")
    .opens(str("room 7")).downloads(str("welcome")).uploads(str("hi")).ends()
    .downloads(str("bye")).responds();
  return script;
}

function withOpening(caller: Side): Script {
  const script = new Script(
    `a client stream of the ${caller} may have an opening`,
    "It is the value of the REQUEST.",
  ).opened();
  new CallScript(script, caller, "clientStream")
    .opens(str("name")).uploads(ONE).ends().responds(TWO);
  return script;
}

function withoutOpening(caller: Side): Script {
  const script = new Script(
    `a duplex call of the ${caller} may have no opening and no items`,
    "It needs only REQUEST, END and RESULT.",
  ).opened();
  new CallScript(script, caller, "duplex").opens().ends().responds();
  new CallScript(script, caller, "duplex", 1)
    .opens().uploads(ONE).downloads(TWO).ends().responds();
  return script;
}

function emptyValues(caller: Side): Script {
  const script = new Script(
    `items, inputs and results of the ${caller}'s calls may be "no value"`,
    'A value must be present: the codec\'s encoding of "no value", which differs from the empty text.',
  ).opened();
  const empty = str("");
  new CallScript(script, caller, "serverStream")
    .opens(NONE).downloads(NONE, empty).responds();
  new CallScript(script, caller, "clientStream", 1)
    .opens(NONE).uploads(NONE, empty).ends().responds(NONE);
  new CallScript(script, caller, "duplex", 2)
    .opens(empty).uploads(NONE).downloads(NONE).ends().responds();
  return script;
}

function besideStreams(caller: Side): Script {
  const script = new Script(
    `metadata goes in both directions with the ${caller}'s streams`,
    "In REQUEST and RESULT; items have no metadata.",
  ).opened();
  new CallScript(script, caller, "serverStream")
    .opens(ONE, ASKED).downloads(ONE).responds(undefined, ANSWERED);
  new CallScript(script, caller, "clientStream", 1)
    .opens(undefined, ASKED).uploads(ONE).ends().responds(TWO, ANSWERED);
  new CallScript(script, caller, "duplex", 2)
    .opens(ONE, ASKED).ends().responds(undefined, ANSWERED);
  return script;
}

function notifications(): Script {
  const script = new Script(
    "notifications of both ends come between the frames of calls",
    "No value, the empty text, and metadata. Neither end waits for the other.",
  ).opened();
  const sends = (
    from: Side,
    value: typeof ONE,
    beside: { metadata?: Record<string, string> } = {},
  ) => {
    const [method, number] = from === "client"
      ? ["log", LOG] as const
      : ["alert", ALERT] as const;
    const list = beside.metadata === undefined
      ? []
      : [metadata(beside.metadata)];
    script
      .do(from, "notify", { method, value, ...beside })
      .frame(from, `NOTIFY ${method}`, notify(number, value, ...list))
      .sees(from === "client" ? "server" : "client", "notified", {
        method,
        value,
        ...beside,
      });
  };
  const call = new CallScript(script, "client", "serverStream").opens(ONE);
  sends("client", NONE);
  sends("server", NONE);
  call.downloads(ONE);
  sends("server", str(""), ASKED);
  sends("client", str(""), ANSWERED);
  call.responds();
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const BOTH_WAYS: readonly Conversation[] = [
  unary(),
  serverStream(),
  clientStream(),
  duplex(),
  notifications(),
  ...SIDES.flatMap((caller) => [
    withOpening(caller),
    withoutOpening(caller),
    emptyValues(caller),
    besideStreams(caller),
  ]),
].map((script) => script.conversation);
