/** Conversations about the session: liveness, credentials, ends. */
import {
  error,
  frame,
  goaway,
  IGNORABLE,
  int,
  map,
  named,
  REPLY,
  request,
  result,
  str,
  uint,
  UNSETTLED,
} from "./bytes.ts";
import { ADD, type Conversation, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
const TOKEN = map({ token: str("fresh") });
const GONE = { code: "disconnected", processed: "maybe", retry: "never" };
const UNAVAILABLE = { code: "unavailable", processed: "no", retry: "now" };

/** The bytes of a PING are its sender's own; these are the library's: a number. */
function ping(count: number): string {
  return named("PING", 0, uint(count, 6) + "0000");
}

function pong(count: number): string {
  return named("PONG", 0, uint(count, 6) + "0000");
}

function toListener(
  name: string,
  meaning: string,
  hex: string,
  code = "protocol",
): Script {
  return new Script(name, meaning, { subjects: ["listener"] }).opened()
    .d("at fault", hex)
    .closedByListener(code);
}

function pings(): Script {
  return new Script(
    "a PING is answered with its own bytes",
    "In both directions.",
  ).opened()
    .advance(15_000)
    .d("PING, after 15 s of silence", ping(1))
    .l("PING, after 15 s of silence", ping(1))
    .crosses()
    .l("PONG", pong(1))
    .d("PONG", pong(1))
    .crosses();
}

function silence(side: Side): Script {
  const script = new Script(
    `a silent peer is given up by the ${side}`,
    "Two PINGs without a byte, then the end; the heartbeat is 1 s here.",
    { subjects: [side], limits: { [side]: { heartbeat: 1000 } } },
  ).opened();
  const says = (about: string, hex: string) =>
    side === "dialler" ? script.d(about, hex) : script.l(about, hex);
  script.advance(1000);
  says("PING 1", ping(1));
  script.advance(1000);
  says("PING 2", ping(2));
  script.advance(1000);
  return side === "dialler"
    ? script.closedByDialler("timeout")
    : script.closedByListener("timeout");
}

function signsOfLife(): Script {
  return new Script(
    "any frame is a sign of life",
    "Silence counts from the last byte read, not from the last PING.",
    { subjects: ["listener"], limits: { listener: { heartbeat: 1000 } } },
  ).opened()
    .advance(900)
    .d("an unknown kind, ignorable", frame(0x6e, 0, "", IGNORABLE))
    .advance(900)
    .advance(100)
    .l("PING, 1 s after the frame", ping(1))
    .d("PONG", pong(1))
    .advance(900);
}

function tooManyPings(): Script {
  const script = new Script(
    "too many PINGs close the connection",
    "10 a second, with bursts of 20.",
    { subjects: ["listener"] },
  ).opened();
  for (let count = 1; count <= 20; count++) {
    script.d(`PING ${count}`, ping(count)).l(`PONG ${count}`, pong(count));
  }
  return script.d("PING 21", ping(21)).closedByListener("too-many");
}

function refreshed(): Script {
  return new Script(
    "credentials are refreshed while the session goes on",
    "AUTH, and AUTH with REPLY under the same number.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("dialler", "refresh", { credentials: TOKEN })
    .d("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .sees("listener", "refresh", { id: 1, credentials: TOKEN })
    .do("listener", "respond", { call: 1, value: TWO })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO })
    .do("listener", "refreshed", { id: 1 })
    .l("AUTH 1, REPLY", named("AUTH", 1, "", REPLY))
    .sees("dialler", "refreshed", { id: 1 });
}

function rejected(): Script {
  return new Script(
    "refused credentials end a live session",
    "GOAWAY unauthenticated.",
  ).opened()
    .do("dialler", "refresh", { credentials: TOKEN })
    .d("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .sees("listener", "refresh", { id: 1, credentials: TOKEN })
    .do("listener", "rejectRefresh", { text: "expired" })
    .l("GOAWAY", goaway("unauthenticated", 0, "expired"))
    .sees("listener", "ended", { code: "unauthenticated", remote: false })
    .sees("dialler", "ended", { code: "unauthenticated", remote: true });
}

function authFromListener(): Script {
  return new Script(
    "AUTH from a listener closes the connection",
    "Only the dialler has credentials.",
    { subjects: ["dialler"] },
  ).opened()
    .l("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .closedByDialler("protocol");
}

function tooManyAuths(): Script {
  const script = new Script(
    "credentials that pile up close the connection",
    "8 may be unanswered.",
    { subjects: ["listener"] },
  ).opened();
  for (let id = 1; id <= 8; id++) {
    script
      .d(`AUTH ${id}`, named("AUTH", id, TOKEN.hex))
      .sees("listener", "refresh", { id, credentials: TOKEN });
  }
  return script
    .d("AUTH 9", named("AUTH", 9, TOKEN.hex))
    .closedByListener("too-many");
}

function unknownKinds(): Script {
  return new Script(
    "frames of an unknown kind are passed over if they say so",
    "IGNORABLE, in the range of the session and of calls; unknown flags mean nothing.",
    { subjects: ["listener"] },
  ).opened()
    .d("kind 0x0e, IGNORABLE", frame(0x0e, 9, "beef", IGNORABLE))
    .d("kind 0x6e, IGNORABLE", frame(0x6e, 9, "", IGNORABLE))
    .requested(
      1,
      "add",
      named("REQUEST", 1, "0000" + "0000" + "01", 0x7e | IGNORABLE),
      { value: ONE },
    );
}

function drains(): Script {
  return new Script(
    "a listener drains",
    "GOAWAY that is not settled, one round trip, GOAWAY with the last id, what is in flight ends, the end.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("listener", "drain")
    .l("GOAWAY none, not settled", goaway("none", UNSETTLED, "draining"))
    .l("PING", ping(1))
    .sees("dialler", "draining")
    .d("PONG: the GOAWAY has been seen", pong(1))
    .l("GOAWAY none, last id 1", goaway("none", 1, "draining"))
    .sees("dialler", "draining")
    .do("listener", "respond", { call: 1, value: TWO })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO })
    .l("GOAWAY none: closed", goaway("none", 1, "closed"))
    .sees("listener", "drained")
    .sees("listener", "ended", { code: "none" })
    .sees("dialler", "draining")
    .ends("listener")
    .sees("dialler", "ended", { code: "none" });
}

function dialerDrains(): Script {
  return new Script(
    "a dialler drains",
    "Nothing is in flight: it ends right behind the round trip.",
  ).opened()
    .do("dialler", "drain")
    .d("GOAWAY none, not settled", goaway("none", UNSETTLED, "draining"))
    .d("PING", ping(1))
    .sees("listener", "draining")
    .l("PONG", pong(1))
    .d("GOAWAY none, last id 0", goaway("none", 0, "draining"))
    .d("GOAWAY none: closed", goaway("none", 0, "closed"))
    .sees("dialler", "drained")
    .sees("dialler", "ended", { code: "none" })
    .sees("listener", "draining")
    .sees("listener", "draining")
    .ends("dialler")
    .sees("listener", "ended", { code: "none" });
}

function requestsWhileDraining(): Script {
  return new Script(
    "requests on their way are taken until the last id is settled",
    "Above it they are dropped without an answer: their caller knows that they were not processed.",
    { subjects: ["listener"] },
  ).opened()
    .do("listener", "drain")
    .l("GOAWAY none, not settled", goaway("none", UNSETTLED, "draining"))
    .l("PING", ping(1))
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .d("PONG", pong(1))
    .l("GOAWAY none, last id 1", goaway("none", 1, "draining"))
    .d("REQUEST 3: too late", request(3, ADD, TWO))
    .do("listener", "respond", { call: 1, value: TWO })
    .l("RESULT 1", result(1, TWO))
    .l("GOAWAY none: closed", goaway("none", 1, "closed"))
    .sees("listener", "drained")
    .sees("listener", "ended", { code: "none" });
}

function aboveTheLastId(): Script {
  return new Script(
    "calls above the last id were not processed, others go on",
    "And no new ones are begun.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO })
    .l("GOAWAY none, last id 1", goaway("none", 1, "draining"))
    .sees("dialler", "failed", { call: 3, ...UNAVAILABLE })
    .sees("dialler", "draining")
    .do("dialler", "call", { call: 5, method: "add", value: ONE })
    .sees("dialler", "failed", { call: 5, ...UNAVAILABLE })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO })
    .ends("listener")
    .sees("dialler", "ended", { code: "none" });
}

function graceIsOver(): Script {
  return new Script(
    "a drain does not wait for ever",
    "10 s by default, 1 s here: then what is in flight is cut.",
    { subjects: ["listener"], limits: { listener: { drainGrace: 1000 } } },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("listener", "drain")
    .l("GOAWAY none, not settled", goaway("none", UNSETTLED, "draining"))
    .l("PING", ping(1))
    .d("PONG", pong(1))
    .l("GOAWAY none, last id 1", goaway("none", 1, "draining"))
    .advance(1000)
    .l("GOAWAY none: closed", goaway("none", 1, "closed"))
    .sees("listener", "drained")
    .sees("listener", "cancelled", { call: 1, reason: "drained" })
    .sees("listener", "ended", { code: "none" });
}

function closesInFlight(): Script {
  return new Script(
    "closing ends the calls in flight",
    "For the caller nobody can tell whether they ran.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("dialler", "close")
    .d("GOAWAY none: closed", goaway("none", 0, "closed"))
    .sees("dialler", "failed", { call: 1, ...GONE })
    .sees("dialler", "ended", { code: "none" })
    .sees("listener", "draining")
    .ends("dialler")
    .sees("listener", "cancelled", { call: 1, reason: "disconnected" })
    .sees("listener", "ended", { code: "none" });
}

function cut(): Script {
  return new Script(
    "a stream that ends without GOAWAY is a broken connection",
    "Calls in flight fail.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .ends("listener")
    .sees("dialler", "failed", { call: 1, ...GONE })
    .sees("dialler", "ended", { code: "disconnected", remote: false });
}

function cutInFrame(): Script {
  return new Script(
    "a stream that ends within a frame is a broken connection",
    "A RESULT of which the last byte is missing.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("RESULT 1, one byte short", result(1, TWO).slice(0, -2))
    .ends("listener")
    .sees("dialler", "failed", { call: 1, ...GONE })
    .sees("dialler", "ended", { code: "disconnected", remote: false });
}

function goawayWithCode(): Script {
  return new Script(
    "GOAWAY with a code ends everything, and says what was not processed",
    "Call 1 may have run, call 3 has not.",
    { subjects: ["dialler"] },
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .called(3, "add", request(3, ADD, TWO), { value: TWO })
    .l("GOAWAY internal, last id 1", goaway("internal", 1, "out of memory"))
    .sees("dialler", "failed", { call: 3, ...UNAVAILABLE })
    .sees("dialler", "failed", { call: 1, ...GONE })
    .sees("dialler", "ended", { code: "internal", remote: true });
}

function unknownGoaway(): Script {
  return new Script(
    "an unknown code of GOAWAY is read as internal",
    "Code 200, of a later version.",
    { subjects: ["dialler"] },
  ).opened()
    .l("GOAWAY 200", named("GOAWAY", 0, "c8" + "00".repeat(6)))
    .sees("dialler", "ended", { code: "internal", remote: true });
}

/** In the order of the document. */
export const SESSION: readonly Conversation[] = [
  pings(),
  silence("dialler"),
  silence("listener"),
  signsOfLife(),
  tooManyPings(),
  refreshed(),
  rejected(),
  authFromListener(),
  tooManyAuths(),
  unknownKinds(),
  drains(),
  dialerDrains(),
  requestsWhileDraining(),
  aboveTheLastId(),
  graceIsOver(),
  closesInFlight(),
  cut(),
  cutInFrame(),
  goawayWithCode(),
  unknownGoaway(),
  toListener(
    "an unknown kind closes the connection",
    "Without IGNORABLE.",
    frame(0x6e, 0),
  ),
  toListener(
    "a PING of 7 bytes closes the connection",
    "8 it is.",
    named("PING", 0, "00".repeat(7)),
  ),
  toListener(
    "a PONG of 9 bytes closes the connection",
    "8 it is, asked for or not.",
    named("PONG", 0, "00".repeat(9)),
  ),
  toListener(
    "a GOAWAY that is cut closes the connection",
    "Code and last id are 7 bytes.",
    named("GOAWAY", 0, "00".repeat(6)),
  ),
  toListener(
    "new credentials that cannot be decoded are refused",
    "0xc1 is never used in MessagePack.",
    named("AUTH", 1, "c1"),
    "unauthenticated",
  ),
  toListener(
    "AUTH with REPLY from the dialler closes the connection",
    "Only the listener answers.",
    named("AUTH", 1, "", REPLY),
  ),
  toListener(
    "an AUTH that does not rise closes the connection",
    "Ids begin with 1.",
    named("AUTH", 0, TOKEN.hex),
  ),
  toListener(
    "a frame without a header closes the connection",
    "Its length is 7.",
    uint(7, 4) + "00".repeat(7),
  ),
  toListener(
    "a frame over the limit closes the connection",
    "131,081 bytes, of which none has come.",
    uint(131_081, 4),
  ),
  new Script(
    "a frame over maxFrameBody closes the connection",
    "16,384 here; a HELLO could have been as long.",
    { subjects: ["listener"], limits: { listener: { maxFrameBody: 16_384 } } },
  ).opened()
    .d("16,385 bytes", named("NOTIFY", 0, "00".repeat(16_385)))
    .closedByListener("too-large"),
  new Script(
    "an answer that answers nothing is dropped",
    "A PONG, and an AUTH with REPLY.",
    { subjects: ["dialler"] },
  ).opened()
    .l("PONG", pong(99))
    .l("AUTH 9, REPLY", named("AUTH", 9, "", REPLY))
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .l("ERROR 1", error(1, { code: "forbidden", processed: "yes" }))
    .sees("dialler", "failed", {
      ...{ call: 1, code: "forbidden", processed: "yes", retry: "never" },
    }),
].map((script) => script.conversation);
