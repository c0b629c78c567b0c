/** Conversations about credential refresh and heartbeat, at both ends. */
import {
  bin,
  frame,
  goaway,
  IGNORABLE,
  int,
  map,
  named,
  REPLY,
  str,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script } from "./script.ts";
import { ping, pong } from "./session.ts";

const ONE = int(1), TWO = int(2);
const FIRST = map({ token: str("first") }),
  SECOND = map({ token: str("second") });
const GONE = { code: "disconnected", processed: "maybe", retry: "never" };

function sends(script: Script, id: number, credentials = FIRST): void {
  script
    .do("client", "refresh", { credentials })
    .client(`AUTH ${id}`, named("AUTH", id, credentials.hex))
    .sees("server", "refresh", { id, credentials });
}

function accepts(script: Script, id: number): void {
  script
    .do("server", "refreshed", { id })
    .server(`AUTH ${id}, REPLY`, named("AUTH", id, "", REPLY))
    .sees("client", "refreshed", { id });
}

function refuses(script: Script, lastId: number): void {
  script
    .do("server", "rejectRefresh", { text: "expired" })
    .server("GOAWAY", goaway("unauthenticated", lastId, "expired"));
}

function twoInARow(): Script {
  const script = new Script(
    "two refreshes may be in progress at once",
    "Each has its own number; calls begin and end between them.",
  ).opened();
  sends(script, 1);
  sends(script, 2, SECOND);
  const call = new CallScript(script, "server", "serverStream").opens(ONE);
  accepts(script, 1);
  call.downloads(ONE);
  accepts(script, 2);
  call.responds();
  return script;
}

function oneAfterTheOther(): Script {
  const script = new Script(
    "credentials may be refreshed repeatedly",
    "The numbers rise; the last accepted credentials apply.",
  ).opened();
  for (const id of [1, 2, 3]) {
    sends(script, id, id === 2 ? SECOND : FIRST);
    accepts(script, id);
  }
  return script;
}

function acceptedThenRefused(): Script {
  const script = new Script(
    "the second of two refreshes is refused",
    "The session ends although the first was accepted.",
  ).opened();
  sends(script, 1);
  sends(script, 2, SECOND);
  accepts(script, 1);
  refuses(script, 0);
  return script
    .sees("server", "ended", { code: "unauthenticated", remote: false })
    .sees("client", "ended", { code: "unauthenticated", remote: true });
}

function refusedInFlight(): Script {
  const script = new Script(
    "refused credentials end the calls of both ends",
    "The callers cannot know whether they ran. The last id is the client's call.",
  ).opened();
  const calls = SIDES.map((caller) =>
    new CallScript(script, caller, "unary").opens(ONE)
  );
  sends(script, 1);
  refuses(script, 1);
  const [client, server] = calls as [CallScript, CallScript];
  server.failed(GONE);
  client.stopped("disconnected").failed(GONE);
  server.stopped("disconnected");
  return script
    .sees("server", "ended", { code: "unauthenticated", remote: false })
    .sees("client", "ended", { code: "unauthenticated", remote: true });
}

function takesTooLong(): Script {
  const script = new Script(
    "a late reply to new credentials ends the session",
    "The limit is the time for a handshake, 1 s here. The server's clock decides.",
    { limits: { server: { handshakeTimeout: 1000 } } },
  ).opened();
  sends(script, 1);
  return script.advance(1016)
    .server("GOAWAY timeout", goaway("timeout", 0))
    .sees("server", "ended", { code: "timeout", remote: false })
    .sees("client", "ended", { code: "timeout", remote: true });
}

function largeRefresh(): Script {
  return new Script(
    "new credentials of more than 4,096 bytes are refused",
    "They are not decoded.",
    { subjects: ["server"], library: true },
  ).opened()
    .client("AUTH 1", named("AUTH", 1, bin("61", 4094).hex)) // 4,097 bytes
    .closedByServer("too-large");
}

function manyRefreshes(): Script {
  const script = new Script(
    "credentials that are refreshed often are checked later",
    "Eight at once, then one a second. The ninth waits for 1 s; the session goes on.",
    { subjects: ["server"], library: true },
  ).opened();
  for (let id = 1; id <= 8; id++) {
    script
      .client(`AUTH ${id}`, named("AUTH", id, FIRST.hex))
      .sees("server", "refresh", { id, credentials: FIRST })
      .do("server", "refreshed", { id })
      .server(`AUTH ${id}, REPLY`, named("AUTH", id, "", REPLY));
  }
  return script
    .client("AUTH 9", named("AUTH", 9, SECOND.hex))
    .advance(900)
    .advance(116)
    .sees("server", "refresh", { id: 9, credentials: SECOND })
    .do("server", "refreshed", { id: 9 })
    .server("AUTH 9, REPLY", named("AUTH", 9, "", REPLY));
}

function oneHeartbeat(): Script {
  const script = new Script(
    "each end has its own heartbeat",
    "The client's is 1 s, and its PINGs are signs of life for the server, whose heartbeat is 15 s.",
    { limits: { client: { heartbeat: 1000 } } },
  ).opened();
  const call = new CallScript(script, "client", "unary").opens(ONE);
  for (const count of [1, 2, 3]) {
    script.advance(1000).client(`PING ${count}`, ping(count))
      .server(`PONG ${count}`, pong(count));
  }
  call.responds(TWO);
  return script;
}

function anyByte(): Script {
  const script = new Script(
    "frames of calls are signs of life",
    "Heartbeats of 1 s and an item every 900 ms: its receiver sends no PING.",
    {
      limits: { client: { heartbeat: 1000 }, server: { heartbeat: 60_000 } },
    },
  ).opened();
  const call = new CallScript(script, "client", "serverStream").opens(ONE);
  for (const value of [ONE, TWO, ONE]) {
    script.advance(900);
    call.downloads(value);
  }
  call.responds();
  return script;
}

function ofLater(): Script {
  const script = new Script(
    "both ends skip frames of a later version",
    "Unknown kinds with IGNORABLE, in the ranges of the session and of calls, change nothing.",
  ).opened();
  const call = new CallScript(script, "client", "duplex").opens();
  for (const side of SIDES) {
    script
      .frame(side, "kind 0x0f, IGNORABLE", frame(0x0f, 0, "beef", IGNORABLE))
      .later()
      .frame(
        side,
        "kind 0x18, IGNORABLE, of the call",
        frame(0x18, call.id, "", IGNORABLE),
      )
      .later();
    new CallScript(script, other(side), "unary", side === "server" ? 1 : 0)
      .opens(ONE).responds(TWO);
  }
  call.uploads(ONE).downloads(TWO).ends().responds();
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const REFRESHES: readonly Conversation[] = [
  oneHeartbeat(),
  anyByte(),
  ofLater(),
  oneAfterTheOther(),
  twoInARow(),
  acceptedThenRefused(),
  refusedInFlight(),
  takesTooLong(),
  largeRefresh(),
  manyRefreshes(),
].map((script) => script.conversation);
