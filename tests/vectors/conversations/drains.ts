/** Conversations about drains and closes with calls in flight, at both ends. */
import {
  call,
  error,
  fragments,
  goaway,
  int,
  result,
  retryAfter,
  spread,
  UNSETTLED,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import {
  ADD,
  ASK,
  type Conversation,
  other,
  Script,
  type Side,
} from "./script.ts";
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
      "GOAWAY drain, not settled",
      goaway("drain", UNSETTLED, "draining"),
    )
    .frame(side, "PING", ping(1));
}

/** Confirms the announcement. */
function heard(script: Script, side: Side, lastId: number): Script {
  return script
    .frame(other(side), "PONG", pong(1))
    .frame(
      side,
      `GOAWAY drain, last id ${lastId}`,
      goaway("drain", lastId, "draining"),
    )
    .sees(other(side), "draining");
}

/** Ends the session after the last call. */
function over(script: Script, side: Side, lastId: number): Script {
  return script
    .frame(side, "GOAWAY closed", goaway("closed", lastId))
    .sees(side, "drained")
    .sees(side, "ended", { code: "closed" })
    .sees(other(side), "ended", { code: "closed" })
    .ends(side);
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
    "It is 1 s: the handlers are cancelled, and the calls fail.",
    { limits: { [side]: { drainGrace: 1000 } } },
  ).opened();
  const { id } = new CallScript(script, other(side), "serverStream")
    .opens(ONE).downloads(ONE);
  announces(script, side).sees(other(side), "draining");
  return heard(script, side, id)
    .advance(1000)
    .sees(side, "cancelled", { call: id, reason: "drained" })
    .frame(
      side,
      `ERROR ${id}: unavailable`,
      error(id, { code: "unavailable", processed: "maybe" }),
    )
    .frame(side, "GOAWAY closed", goaway("closed", id))
    .sees(side, "drained")
    .sees(side, "ended", { code: "closed" })
    .sees(other(side), "failed", {
      ...{ call: id, code: "unavailable", processed: "maybe", retry: "never" },
    })
    .sees(other(side), "ended", { code: "closed" })
    .ends(side);
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
    .frame(side, "GOAWAY closed", goaway("closed", theirs.id));
  own.failed(GONE);
  theirs.stopped("disconnected");
  script.sees(side, "ended", { code: "closed" });
  theirs.failed(GONE);
  own.stopped("disconnected");
  return script.sees(other(side), "ended", { code: "closed" }).ends(side);
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
    .client("GOAWAY closed", goaway("closed", 0));
  return closedWaiting(script, calls);
}

function closedWaiting(script: Script, calls: readonly CallScript[]): Script {
  script.sees("client", "failed", {
    ...{ call: 65, code: "disconnected", processed: "no", retry: "now" },
  });
  for (const call of calls) call.failed(GONE);
  script
    .sees("client", "ended", { code: "closed" });
  for (const call of calls) call.stopped("disconnected");
  return script.sees("server", "ended", { code: "closed" }).ends("client");
}

function beforeOpen(): Script {
  return new Script(
    "a draining server refuses a client that it has not accepted",
    "GOAWAY closed instead of HELLO: nothing was processed.",
  ).greeted()
    .do("server", "drain")
    .server("GOAWAY closed", goaway("closed", 0))
    .sees("server", "drained")
    .sees("server", "ended", { code: "closed" })
    .sees("client", "ended", { code: "closed", remote: true });
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
    ["GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining")],
    ["PING", ping(1)],
  );
  for (const side of SIDES) script.sees(side, "draining");
  crossing(["PONG", pong(1)]);
  crossing(
    ["GOAWAY drain, last id 0", goaway("drain", 0, "draining")],
    ["GOAWAY closed", goaway("closed", 0)],
  );
  for (const side of SIDES) {
    script.sees(side, "drained").sees(side, "ended", { code: "closed" });
  }
  return script;
}

/** A REQUEST that has begun, before a drain. */
function begun(
  side: Side,
  name: string,
  meaning: string,
): { script: Script; id: number; parts: string[] } {
  const script = new Script(name, meaning, {
    subjects: [side],
    limits: { [side]: { drainGrace: 1000 } },
  }).opened();
  const id = side === "server" ? 1 : 2;
  const method = side === "server" ? ADD : ASK;
  const parts = fragments("REQUEST", id, call(method, ONE), 4);
  script.frame(other(side), `REQUEST ${id}, first part`, parts[0]!);
  announces(script, side);
  script
    .frame(other(side), "PONG", pong(1))
    .frame(
      side,
      `GOAWAY drain, last id ${id}: its first frame has arrived`,
      goaway("drain", id, "draining"),
    );
  return { script, id, parts };
}

function begunFinishes(side: Side): Script {
  const { script, id, parts } = begun(
    side,
    `a REQUEST that has begun before the ${side}'s drain is taken`,
    "The draining end waits for its last frame, and handles it.",
  );
  const method = side === "server" ? "add" : "ask";
  return script
    .frame(other(side), `REQUEST ${id}, last part`, parts[1]!)
    .sees(side, "request", { call: id, method, value: ONE })
    .do(side, "respond", { call: id, value: TWO })
    .frame(side, `RESULT ${id}`, result(id, TWO))
    .frame(side, "GOAWAY closed", goaway("closed", id))
    .sees(side, "drained")
    .sees(side, "ended", { code: "closed" });
}

function begunIsRefused(side: Side): Script {
  const { script, id } = begun(
    side,
    `a REQUEST that is incomplete at the end of the ${side}'s drain is refused`,
    "The grace is 1 s; it was not processed.",
  );
  return script
    .advance(1000)
    .frame(
      side,
      `ERROR ${id}: unavailable`,
      error(id, { code: "unavailable", processed: "no", retry: "now" }),
    )
    .frame(side, "GOAWAY closed", goaway("closed", id))
    .sees(side, "drained")
    .sees(side, "ended", { code: "closed" });
}

function withPause(side: Side, code: "drain" | "age"): Script {
  const details = { code, retryAfter: 250, spread: 2000 };
  const fields = [retryAfter(250), spread(2000)];
  const script = new Script(
    `the ${side} announces its end (${code}) with a pause and a spread`,
    "RETRY_AFTER reaches the calls that fail.",
  ).opened();
  const theirs = new CallScript(script, other(side), "unary").opens(ONE);
  script
    .do(side, "drain", details)
    .frame(
      side,
      `GOAWAY ${code}, not settled`,
      goaway(code, UNSETTLED, "draining", ...fields),
    )
    .frame(side, "PING", ping(1))
    .sees(other(side), "draining")
    .frame(other(side), "PONG", pong(1))
    .frame(
      side,
      `GOAWAY ${code}, last id ${theirs.id}`,
      goaway(code, theirs.id, "draining", ...fields),
    )
    .sees(other(side), "draining");
  new CallScript(script, other(side), "unary", 1).asks(TWO)
    .failed({ ...UNAVAILABLE, retry: "later", retryAfter: 250 });
  theirs.responds(TWO);
  return over(script, side, theirs.id);
}

/** All of them, in the order of PROTOCOL.md. */
export const DRAINS: readonly Conversation[] = [
  beforeOpen(),
  bothDrain(),
  ...SIDES.flatMap((side) => [
    lateRequest(side),
    inFlight(side),
    graceIsOver(side),
    begunFinishes(side),
    begunIsRefused(side),
    withPause(side, "drain"),
    withPause(side, "age"),
    closes(side),
  ]),
  closesWaiting(),
].map((script) => script.conversation);
