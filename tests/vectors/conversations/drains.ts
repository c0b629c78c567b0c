/** Conversations about drains and closes with calls in flight, at both ends. */
import { goaway, int, UNSETTLED } from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";
import { ping, pong } from "./session.ts";

const ONE = int(1), TWO = int(2);
const GONE = { code: "disconnected", processed: "maybe", retry: "never" };
const UNAVAILABLE = { code: "unavailable", processed: "no", retry: "now" };

/** Announces the drain. */
function announces(script: Script, side: Side): Script {
  return script
    .do(side, "drain")
    .frame(
      side,
      "GOAWAY none, not settled",
      goaway("none", UNSETTLED, "draining"),
    )
    .frame(side, "PING", ping(1));
}

/** Confirms the announcement. */
function heard(script: Script, side: Side, lastId: number): Script {
  return script
    .frame(other(side), "PONG", pong(1))
    .frame(
      side,
      `GOAWAY none, last id ${lastId}`,
      goaway("none", lastId, "draining"),
    )
    .sees(other(side), "draining");
}

/** Ends the session after the last call. */
function over(script: Script, side: Side, lastId: number): Script {
  return script
    .frame(side, "GOAWAY none: closed", goaway("none", lastId, "closed"))
    .sees(side, "drained")
    .sees(side, "ended", { code: "none" })
    .sees(other(side), "draining")
    .ends(side)
    .sees(other(side), "ended", { code: "none" });
}

function lateRequest(side: Side): Script {
  const caller = other(side);
  const script = new Script(
    `the ${side} drains, and takes a REQUEST in transit`,
    "It was sent before the GOAWAY arrived, and is within the last id. The next call is not sent.",
  ).opened();
  const late = new CallScript(script, caller, "unary").asks(ONE);
  announces(script, side);
  late.leaves(ONE);
  script.crosses().sees(caller, "draining");
  late.arrives(ONE);
  heard(script, side, late.id);
  new CallScript(script, caller, "unary", 1).asks(TWO).failed(UNAVAILABLE);
  late.responds(TWO);
  return over(script, side, late.id);
}

function inFlight(side: Side): Script {
  const script = new Script(
    `the ${side} drains while calls of both ends are in flight`,
    "Streams continue until they end, and the last of them ends the session. The draining end makes no calls.",
  ).opened();
  const theirs = new CallScript(script, other(side), "duplex").opens()
    .uploads(ONE);
  const own = new CallScript(script, side, "serverStream").opens(ONE);
  announces(script, side).sees(other(side), "draining");
  heard(script, side, theirs.id);
  new CallScript(script, side, "unary", 1).asks(ONE).failed(UNAVAILABLE);
  theirs.uploads(TWO).downloads(TWO).ends().responds();
  own.downloads(ONE).responds();
  return over(script, side, theirs.id);
}

function graceIsOver(side: Side): Script {
  const script = new Script(
    `the grace of the ${side}'s drain passes`,
    "It is 1 s: the handlers are cancelled, and the calls fail when the connection ends.",
    { limits: { [side]: { drainGrace: 1000 } } },
  ).opened();
  const { id } = new CallScript(script, other(side), "serverStream")
    .opens(ONE).downloads(ONE);
  announces(script, side).sees(other(side), "draining");
  return heard(script, side, id)
    .advance(1000)
    .frame(side, "GOAWAY none: closed", goaway("none", id, "closed"))
    .sees(side, "drained")
    .sees(side, "cancelled", { call: id, reason: "drained" })
    .sees(side, "ended", { code: "none" })
    .sees(other(side), "draining")
    .ends(side)
    .sees(other(side), "failed", { call: id, ...GONE })
    .sees(other(side), "ended", { code: "disconnected", remote: false });
}

function closes(side: Side): Script {
  const script = new Script(
    `the ${side} closes while calls of both ends are in flight`,
    "The callers cannot know whether they ran; the handlers at both ends are cancelled.",
  ).opened();
  const own = new CallScript(script, side, "clientStream").opens().uploads(ONE);
  const theirs = new CallScript(script, other(side), "serverStream")
    .opens(ONE).downloads(ONE);
  script.do(side, "close")
    .frame(side, "GOAWAY none: closed", goaway("none", theirs.id, "closed"));
  own.failed(GONE);
  theirs.stopped("disconnected");
  script.sees(side, "ended", { code: "none" })
    .sees(other(side), "draining")
    .ends(side);
  theirs.failed(GONE);
  own.stopped("disconnected");
  return script
    .sees(other(side), "ended", { code: "disconnected", remote: false });
}

function closesWaiting(): Script {
  const script = new Script(
    "closing fails waiting calls as not processed",
    "maxCalls is 32, and the 33rd call has not been sent; the others may have run.",
    { limits: { server: { maxCalls: 32 } } },
  ).opened();
  const calls = Array.from(
    { length: 32 },
    (_, index) => new CallScript(script, "client", "unary", index).opens(ONE),
  );
  new CallScript(script, "client", "unary", 32).asks(TWO);
  script
    .do("client", "close")
    .client("GOAWAY none: closed", goaway("none", 0, "closed"));
  return closedWaiting(script, calls);
}

function closedWaiting(script: Script, calls: readonly CallScript[]): Script {
  script.sees("client", "failed", {
    ...{ call: 65, code: "disconnected", processed: "no", retry: "now" },
  });
  for (const call of calls) call.failed(GONE);
  script
    .sees("client", "ended", { code: "none" })
    .sees("server", "draining")
    .ends("client");
  for (const call of calls) call.stopped("disconnected");
  return script.sees("server", "ended", { code: "none" });
}

function beforeOpen(): Script {
  return new Script(
    "a draining server refuses a client that it has not accepted",
    "GOAWAY none instead of HELLO: nothing was processed.",
  ).greeted()
    .do("server", "drain")
    .server("GOAWAY none", goaway("none", 0, "closed"))
    .sees("server", "drained")
    .sees("server", "ended", { code: "none" })
    .sees("client", "ended", { code: "disconnected", remote: true });
}

function bothDrain(): Script {
  const script = new Script(
    "both ends drain at once",
    "Each replies to the other's PING, and closes after the PONG for its own: no calls are in flight.",
  ).opened()
    .do("client", "drain")
    .do("server", "drain");
  const crossing = (
    ...steps: readonly (readonly [about: string, hex: string])[]
  ) => {
    for (const side of SIDES) {
      for (const [about, hex] of steps) {
        script.frame(side, about, hex).crosses();
      }
    }
  };
  crossing(
    ["GOAWAY none, not settled", goaway("none", UNSETTLED, "draining")],
    ["PING", ping(1)],
  );
  for (const side of SIDES) script.sees(side, "draining");
  crossing(["PONG", pong(1)]);
  crossing(
    ["GOAWAY none, last id 0", goaway("none", 0, "draining")],
    ["GOAWAY none: closed", goaway("none", 0, "closed")],
  );
  for (const side of SIDES) {
    script.sees(side, "drained").sees(side, "ended", { code: "none" });
  }
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const DRAINS: readonly Conversation[] = [
  beforeOpen(),
  bothDrain(),
  ...SIDES.flatMap((side) => [
    lateRequest(side),
    inFlight(side),
    graceIsOver(side),
    closes(side),
  ]),
  closesWaiting(),
].map((script) => script.conversation);
