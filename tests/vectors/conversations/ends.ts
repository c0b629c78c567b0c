/** Conversations about the end of a session: GOAWAY, drain, lost connections. */
import {
  error,
  goaway,
  int,
  named,
  request,
  result,
  UNSETTLED,
} from "./bytes.ts";
import { ADD, type Conversation, Script } from "./script.ts";
import { ping, pong } from "./session.ts";

const ONE = int(1), TWO = int(2);
const GONE = { code: "disconnected", processed: "maybe", retry: "never" };
const UNAVAILABLE = { code: "unavailable", processed: "no", retry: "now" };

function drains(): Script {
  return new Script(
    "a server drains",
    "GOAWAY with an unsettled last id, one round trip, GOAWAY with the last id, calls in flight end, the end.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("server", "drain")
    .server("GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining"))
    .server("PING", ping(1))
    .sees("client", "draining")
    .client("PONG: the client has seen the GOAWAY", pong(1))
    .server("GOAWAY drain, last id 1", goaway("drain", 1, "draining"))
    .sees("client", "draining")
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO })
    .server("GOAWAY closed", goaway("closed", 1))
    .sees("server", "drained")
    .sees("server", "ended", { code: "closed" })
    .sees("client", "ended", { code: "closed" })
    .ends("server");
}

function dialerDrains(): Script {
  return new Script(
    "a client drains",
    "No calls are in flight: it ends directly after the round trip.",
  ).opened()
    .do("client", "drain")
    .client("GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining"))
    .client("PING", ping(1))
    .sees("server", "draining")
    .server("PONG", pong(1))
    .client("GOAWAY drain, last id 0", goaway("drain", 0, "draining"))
    .client("GOAWAY closed", goaway("closed", 0))
    .sees("client", "drained")
    .sees("client", "ended", { code: "closed" })
    .sees("server", "draining")
    .sees("server", "ended", { code: "closed" })
    .ends("client");
}

function requestsWhileDraining(): Script {
  return new Script(
    "requests in transit are taken until the last id is settled",
    "Above it they are dropped without a reply: their caller knows that they were not processed.",
    { subjects: ["server"] },
  ).opened()
    .do("server", "drain")
    .server("GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining"))
    .server("PING", ping(1))
    .client("PONG that matches no PING: no effect", pong(99))
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .client("PONG", pong(1))
    .server("GOAWAY drain, last id 1", goaway("drain", 1, "draining"))
    .client("REQUEST 3: too late", request(3, ADD, TWO))
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .server("GOAWAY closed", goaway("closed", 1))
    .sees("server", "drained")
    .sees("server", "ended", { code: "closed" });
}

function aboveTheLastId(): Script {
  return new Script(
    "calls above the last id were not processed, others continue",
    "No new calls begin.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO })
    .server("GOAWAY drain, last id 1", goaway("drain", 1, "draining"))
    .sees("client", "failed", { call: 3, ...UNAVAILABLE })
    .sees("client", "draining")
    .do("client", "call", { call: 5, method: "add", value: ONE })
    .sees("client", "failed", { call: 5, ...UNAVAILABLE })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO })
    .server("GOAWAY closed", goaway("closed", 1))
    .sees("client", "ended", { code: "closed" });
}

function graceIsOver(): Script {
  return new Script(
    "a drain does not wait forever",
    "Calls in flight end after 10 s by default, 1 s here.",
    { subjects: ["server"], limits: { server: { drainGrace: 1000 } } },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("server", "drain")
    .server("GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining"))
    .server("PING", ping(1))
    .client("PONG", pong(1))
    .server("GOAWAY drain, last id 1", goaway("drain", 1, "draining"))
    .advance(1000)
    .sees("server", "cancelled", { call: 1, reason: "drained" })
    .server(
      "ERROR 1: unavailable",
      error(1, { code: "unavailable", processed: "maybe" }),
    )
    .server("GOAWAY closed", goaway("closed", 1))
    .sees("server", "drained")
    .sees("server", "ended", { code: "closed" });
}

function closesInFlight(): Script {
  return new Script(
    "closing ends the calls in flight",
    "Their caller cannot know whether they ran.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("client", "close")
    .client("GOAWAY closed", goaway("closed", 0))
    .sees("client", "failed", { call: 1, ...GONE })
    .sees("client", "ended", { code: "closed" })
    .sees("server", "cancelled", { call: 1, reason: "disconnected" })
    .sees("server", "ended", { code: "closed" })
    .ends("client");
}

function cut(): Script {
  return new Script(
    "a stream that ends without GOAWAY is a broken connection",
    "Calls in flight fail.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .ends("server")
    .sees("client", "failed", { call: 1, ...GONE })
    .sees("client", "ended", { code: "disconnected", remote: false });
}

function cutInFrame(): Script {
  return new Script(
    "a stream that ends within a frame is a broken connection",
    "A RESULT without its last byte.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .server("RESULT 1, one byte short", result(1, TWO).slice(0, -2))
    .ends("server")
    .sees("client", "failed", { call: 1, ...GONE })
    .sees("client", "ended", { code: "disconnected", remote: false });
}

function goawayWithCode(): Script {
  return new Script(
    "GOAWAY with a code ends the session and reports which calls were not processed",
    "Call 1 may have run, call 3 has not.",
    { subjects: ["client"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO })
    .server(
      "GOAWAY internal, last id 1",
      goaway("internal", 1, "out of memory"),
    )
    .sees("client", "failed", { call: 3, ...UNAVAILABLE })
    .sees("client", "failed", { call: 1, ...GONE })
    .sees("client", "ended", { code: "internal", remote: true });
}

function cutAfterDrain(): Script {
  return new Script(
    "a stream that ends without GOAWAY closed is a broken connection",
    "Also during a drain.",
    { subjects: ["client"] },
  ).opened()
    .server("GOAWAY drain, not settled", goaway("drain", UNSETTLED, "draining"))
    .sees("client", "draining")
    .ends("server")
    .sees("client", "ended", { code: "disconnected", remote: false });
}

function resumeLost(): Script {
  return new Script(
    "GOAWAY resume-lost ends the session",
    "Like every code but drain, age and closed.",
    { subjects: ["client"] },
  ).opened()
    .server("GOAWAY resume-lost", goaway("resume-lost", 0))
    .sees("client", "ended", { code: "resume-lost", remote: true });
}

function unknownGoaway(): Script {
  return new Script(
    "an unknown code of GOAWAY is treated as internal",
    "Code 200, of a later version.",
    { subjects: ["client"] },
  ).opened()
    .server("GOAWAY 200", named("GOAWAY", 0, "c8" + "00".repeat(8)))
    .sees("client", "ended", { code: "internal", remote: true });
}

/** All of them, in the order of PROTOCOL.md. */
export const ENDS: readonly Conversation[] = [
  drains(),
  dialerDrains(),
  requestsWhileDraining(),
  aboveTheLastId(),
  graceIsOver(),
  closesInFlight(),
  cut(),
  cutInFrame(),
  goawayWithCode(),
  cutAfterDrain(),
  resumeLost(),
  unknownGoaway(),
].map((script) => script.conversation);
