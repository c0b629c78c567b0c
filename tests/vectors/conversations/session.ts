/** Conversations about the session: heartbeat, credentials, faults. */
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
import { ADD, type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
const TOKEN = map({ token: str("fresh") });

/** Encodes a PING. Its sender chooses the bytes; the library sends a number. */
export function ping(count: number): string {
  return named("PING", 0, uint(count, 6) + "0000");
}

/** Encodes the PONG that matches a PING. */
export function pong(count: number): string {
  return named("PONG", 0, uint(count, 6) + "0000");
}

function toServer(
  name: string,
  meaning: string,
  hex: string,
  code = "protocol",
): Script {
  return new Script(name, meaning, { subjects: ["server"] }).opened()
    .client("at fault", hex)
    .closedByServer(code);
}

function pings(): Script {
  return new Script(
    "a PONG repeats the bytes of the PING",
    "In both directions.",
  ).opened()
    .advance(15_000)
    .client("PING, after 15 s of silence", ping(1))
    .server("PING, after 15 s of silence", ping(1))
    .crosses()
    .server("PONG", pong(1))
    .client("PONG", pong(1))
    .crosses();
}

function silence(side: Side): Script {
  const script = new Script(
    `the ${side} closes after the peer was silent`,
    "Two PINGs without a byte in return, then the end; the heartbeat is 1 s.",
    { subjects: [side], limits: { [side]: { heartbeat: 1000 } } },
  ).opened();
  const says = (about: string, hex: string) =>
    side === "client" ? script.client(about, hex) : script.server(about, hex);
  script.advance(1000);
  says("PING 1", ping(1));
  script.advance(1000);
  says("PING 2", ping(2));
  script.advance(1000);
  return side === "client"
    ? script.closedByClient("timeout")
    : script.closedByServer("timeout");
}

function signsOfLife(): Script {
  return new Script(
    "any frame is a sign of life",
    "Silence is counted from the last byte read, not from the last PING.",
    { subjects: ["server"], limits: { server: { heartbeat: 1000 } } },
  ).opened()
    .advance(900)
    .client("an unknown kind, ignorable", frame(0x6e, 0, "", IGNORABLE))
    .advance(900)
    .advance(100)
    .server("PING, 1 s after the frame", ping(1))
    .client("PONG", pong(1))
    .advance(900);
}

function tooManyPings(): Script {
  const script = new Script(
    "PINGs that come too fast are answered later, the newest of them",
    "5 a second, with bursts of 5; the PONG for the last answers the others too.",
    { subjects: ["server"] },
  ).opened();
  for (let count = 1; count <= 5; count++) {
    script.client(`PING ${count}`, ping(count)).server(
      `PONG ${count}`,
      pong(count),
    );
  }
  for (let count = 6; count <= 30; count++) {
    script.client(`PING ${count}: too fast`, ping(count));
  }
  return script
    .advance(200)
    .server("PONG 30", pong(30))
    .client("PING 31: too fast", ping(31))
    .advance(200)
    .server("PONG 31", pong(31));
}

function comparedPong(side: Side): Script {
  return new Script(
    `a PONG is compared in all its bytes by the ${side}`,
    "One that differs does not prove that the peer has read the GOAWAY.",
    { subjects: [side] },
  ).opened()
    .do(side, "drain")
    .frame(
      side,
      "GOAWAY drain, not settled",
      goaway("drain", UNSETTLED, "draining"),
    )
    .frame(side, "PING", ping(1))
    .frame(
      other(side),
      "PONG, one byte differs",
      named("PONG", 0, uint(1, 6) + "0001"),
    )
    .frame(
      other(side),
      "PONG, 8 bytes too many",
      named("PONG", 0, uint(1, 6) + "00".repeat(10)),
    );
}

function refreshed(): Script {
  return new Script(
    "credentials are refreshed while calls continue",
    "AUTH, and AUTH with REPLY and the same number.",
  ).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("client", "refresh", { credentials: TOKEN })
    .client("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .sees("server", "refresh", { id: 1, credentials: TOKEN })
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO })
    .do("server", "refreshed", { id: 1 })
    .server("AUTH 1, REPLY", named("AUTH", 1, "", REPLY))
    .sees("client", "refreshed", { id: 1 });
}

function rejected(): Script {
  return new Script(
    "refused credentials end an open session",
    "GOAWAY unauthenticated.",
  ).opened()
    .do("client", "refresh", { credentials: TOKEN })
    .client("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .sees("server", "refresh", { id: 1, credentials: TOKEN })
    .do("server", "rejectRefresh", { text: "expired" })
    .server("GOAWAY", goaway("unauthenticated", 0, "expired"))
    .sees("server", "ended", { code: "unauthenticated", remote: false })
    .sees("client", "ended", { code: "unauthenticated", remote: true });
}

function authFromServer(): Script {
  return new Script(
    "AUTH from a server closes the connection",
    "Only the client sends credentials.",
    { subjects: ["client"] },
  ).opened()
    .server("AUTH 1", named("AUTH", 1, TOKEN.hex))
    .closedByClient("protocol");
}

function tooManyAuths(): Script {
  const script = new Script(
    "too many unanswered refreshes close the connection",
    "At most 8 may be unanswered.",
    { subjects: ["server"] },
  ).opened();
  for (let id = 1; id <= 8; id++) {
    script
      .client(`AUTH ${id}`, named("AUTH", id, TOKEN.hex))
      .sees("server", "refresh", { id, credentials: TOKEN });
  }
  return script
    .client("AUTH 9", named("AUTH", 9, TOKEN.hex))
    .closedByServer("too-many");
}

function unknownKinds(): Script {
  return new Script(
    "frames of an unknown kind are skipped if they are ignorable",
    "IGNORABLE, in the ranges of the session and of calls; unknown flags are ignored.",
    { subjects: ["server"] },
  ).opened()
    .client("kind 0x0e, IGNORABLE", frame(0x0e, 9, "beef", IGNORABLE))
    .client("kind 0x6e, IGNORABLE", frame(0x6e, 9, "", IGNORABLE))
    .requested(
      1,
      "add",
      named("REQUEST", 1, "0000" + "0000" + "01", 0x7e | IGNORABLE),
      { value: ONE },
    );
}

/** All of them, in the order of PROTOCOL.md. */
export const SESSION: readonly Conversation[] = [
  pings(),
  silence("client"),
  silence("server"),
  signsOfLife(),
  tooManyPings(),
  comparedPong("client"),
  comparedPong("server"),
  refreshed(),
  rejected(),
  authFromServer(),
  tooManyAuths(),
  unknownKinds(),
  toServer(
    "an unknown kind closes the connection",
    "Without IGNORABLE.",
    frame(0x6e, 0),
  ),
  toServer(
    "a PING of 7 bytes closes the connection",
    "A PING has 8 bytes.",
    named("PING", 0, "00".repeat(7)),
  ),
  toServer(
    "a PONG of 9 bytes closes the connection",
    "A PONG has 8 bytes, even if it matches no PING.",
    named("PONG", 0, "00".repeat(9)),
  ),
  toServer(
    "a truncated GOAWAY closes the connection",
    "Code, last id and the length of the fields are 9 bytes.",
    named("GOAWAY", 0, "00".repeat(8)),
  ),
  toServer(
    "new credentials that cannot be decoded are refused",
    "0xc1 is never used in MessagePack.",
    named("AUTH", 1, "c1"),
    "unauthenticated",
  ),
  toServer(
    "AUTH with REPLY from the client closes the connection",
    "Only the server replies.",
    named("AUTH", 1, "", REPLY),
  ),
  toServer(
    "an AUTH whose id does not rise closes the connection",
    "Ids begin with 1.",
    named("AUTH", 0, TOKEN.hex),
  ),
  toServer(
    "a frame without a header closes the connection",
    "Its length is 7.",
    uint(7, 4) + "00".repeat(7),
  ),
  toServer(
    "a frame longer than every limit closes the connection",
    "131,081 bytes, of which none has arrived.",
    uint(131_081, 4),
  ),
  new Script(
    "a frame longer than maxFrameBody closes the connection",
    "maxFrameBody is 16,384; a HELLO could have been that long.",
    { subjects: ["server"], limits: { server: { maxFrameBody: 16_384 } } },
  ).opened()
    .client("16,385 bytes", named("NOTIFY", 0, "00".repeat(16_385)))
    .closedByServer("too-large"),
  new Script(
    "a reply that matches nothing is dropped",
    "A PONG, and an AUTH with REPLY.",
    { subjects: ["client"] },
  ).opened()
    .server("PONG", pong(99))
    .server("AUTH 9, REPLY", named("AUTH", 9, "", REPLY))
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .server("ERROR 1", error(1, { code: "forbidden", processed: "yes" }))
    .sees("client", "failed", {
      ...{ call: 1, code: "forbidden", processed: "yes", retry: "never" },
    }),
].map((script) => script.conversation);
