/** Conversations of sessions that continue on another connection. */
import {
  field,
  int,
  named,
  request,
  result,
  str,
  uint,
  utf8,
} from "./bytes.ts";
import { ADD, type Conversation, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2), DONE = str("done");

/** Feature bit of RESUME. */
const FEATURE = 0x01;
/** Milliseconds for which the server keeps a session. */
const GRACE = 30_000;
const FIRST = "0123456789abcdef".repeat(2);
const SECOND = "fedcba9876543210".repeat(2);
const NEXT = { token: { grace: GRACE, secret: SECOND } };

function token(secret: string): string {
  return field(0x0a, uint(GRACE, 4) + secret);
}

/** Positions of a RESUME or RESUMED. */
interface Point {
  readonly generation: number;
  readonly received: number;
  readonly firstKept: number;
}

function pointOf({ generation, received, firstKept }: Point): string {
  return uint(generation, 4) + uint(received, 8) + uint(firstKept, 8);
}

function ack(position: number): string {
  return named("ACK", 0, uint(position, 8));
}

function ping(position: number): string {
  return uint(1, 8) + uint(position, 8);
}

/** Begins a conversation whose ends resume sessions. */
function begun(
  name: string,
  meaning: string,
  options: { subjects?: Side[]; library?: true } = {},
): Script {
  const script = new Script(name, meaning, {
    ...options,
    features: { client: FEATURE, server: FEATURE },
  });
  return script.greeted()
    .do("server", "accept", { token: { grace: GRACE, secret: FIRST } })
    .server(
      "HELLO: accepted, with TOKEN",
      script.hello("server", { entries: [token(FIRST)] }),
    )
    .sees("server", "opened")
    .sees("client", "opened");
}

/** Adds a RESUME on another connection. */
function asks(script: Script, point: Point): Script {
  const entries = [field(0x0b, pointOf(point) + FIRST)];
  return script
    .do("client", "resume", { generation: point.generation })
    .client("HELLO: with RESUME", script.hello("client", { entries }))
    .sees("server", "authenticate", { resumption: { ...point } });
}

/** Adds a RESUMED. */
function answers(script: Script, point: Point): Script {
  const entries = [token(SECOND), field(0x0c, pointOf(point))];
  return script
    .do("server", "resume", NEXT)
    .server(
      "HELLO: resumed, with another TOKEN",
      script.hello("server", { entries }),
    )
    .sees("server", "resumed");
}

function replayed(): Script {
  const script = begun(
    "both ends send again what the other has not received",
    "RESULT 1 and REQUEST 3 were lost with the connection. RESUME and RESUMED say what has arrived.",
  );
  script.called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("server", "respond", { call: 1, value: DONE })
    .server("RESULT 1", result(1, DONE)).lost()
    .do("client", "call", { call: 3, method: "add", value: TWO })
    .client("REQUEST 3: add", request(3, ADD, TWO)).lost()
    .cut();
  asks(script, { generation: 1, received: 0, firstKept: 1 });
  answers(script, { generation: 1, received: 1, firstKept: 1 })
    .server("RESULT 1, again", result(1, DONE)).crosses()
    .client("REQUEST 3, again", request(3, ADD, TWO)).crosses()
    .client("ACK 0: HELLO has arrived", ack(0)).crosses()
    .sees("client", "resumed")
    .sees("client", "result", { call: 1, value: DONE })
    .sees("server", "request", { call: 3, method: "add", value: TWO })
    .do("server", "respond", { call: 3, value: DONE })
    .server("RESULT 3", result(3, DONE))
    .sees("client", "result", { call: 3, value: DONE });
  return script;
}

function nothingLost(): Script {
  const script = begun(
    "a session without frames is resumed",
    "Nothing has a position yet. The session is the old one all the same.",
  ).cut();
  asks(script, { generation: 1, received: 0, firstKept: 1 });
  return answers(script, { generation: 1, received: 0, firstKept: 1 })
    .client("ACK 0: HELLO has arrived", ack(0))
    .sees("client", "resumed")
    .called(1, "add", request(1, ADD, ONE), { value: ONE });
}

function refused(): Script {
  const script = begun(
    "a refused resumption says which calls were not processed",
    "The server had read one frame: call 1 may have run, and call 3 has not. The new session begins with the first id.",
    { subjects: ["client"] },
  );
  script.called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("client", "call", { call: 3, method: "add", value: TWO })
    .client("REQUEST 3: add", request(3, ADD, TWO)).lost()
    .cut();
  const entries = [token(SECOND), field(0x0d, "01" + uint(1, 8))];
  return asks(script, { generation: 1, received: 0, firstKept: 1 })
    .server(
      "HELLO: RESUME_REFUSED, expired, received 1",
      script.hello("server", { entries }),
    )
    .sees("client", "failed", {
      ...{ call: 1, code: "disconnected", processed: "maybe", retry: "never" },
    })
    .sees("client", "failed", {
      ...{ call: 3, code: "disconnected", processed: "no", retry: "now" },
    })
    .sees("client", "ended", { code: "resume-lost", remote: false })
    .sees("client", "opened")
    .do("client", "call", { call: 1, method: "add", value: TWO })
    .client("REQUEST 1: add", request(1, ADD, TWO));
}

function unknown(): Script {
  const script = new Script(
    "a RESUME with an unknown token opens a new session",
    "The server says that it does not know the session. The new one has a token of its own.",
    { subjects: ["server"], features: { client: FEATURE, server: FEATURE } },
  );
  const point = { generation: 4, received: 7, firstKept: 5 };
  const resumeRefused = { reason: "unknown" };
  return script
    .client(
      "HELLO: with RESUME",
      script.hello("client", {
        entries: [field(0x0b, pointOf(point) + FIRST)],
      }),
    )
    .sees("server", "authenticate", { resumption: point })
    .do("server", "accept", { ...NEXT, resumeRefused })
    .server(
      "HELLO: RESUME_REFUSED, unknown",
      script.hello("server", { entries: [token(SECOND), field(0x0d, "00")] }),
    )
    .sees("server", "opened")
    .requested(1, "add", request(1, ADD, ONE), { value: ONE });
}

function identified(): Script {
  const script = new Script(
    "a server names the session, its instance and its location",
    "The ids are for logs. The client resumes the session at the location if it may.",
    { features: { client: FEATURE, server: FEATURE } },
  );
  const location = "tls://a.example:7000";
  const entries = [
    field(0x07, FIRST),
    field(0x08, SECOND),
    field(0x09, utf8(location)),
    token(FIRST),
  ];
  return script.greeted()
    .do("server", "accept", {
      ...{ session: FIRST, instance: SECOND, location },
      token: { grace: GRACE, secret: FIRST },
    })
    .server("HELLO: accepted", script.hello("server", { entries }))
    .sees("server", "opened")
    .sees("client", "opened");
}

function badlyIdentified(): Script {
  const script = new Script(
    "ids and a location that are not valid are skipped",
    "The ids have 15 and 17 bytes, and the location is not UTF-8.",
    { subjects: ["client"], features: { client: FEATURE, server: FEATURE } },
  );
  const entries = [
    field(0x07, FIRST.slice(2)),
    field(0x08, FIRST + "00"),
    field(0x09, "ff"),
    token(FIRST),
  ];
  return script.greeted()
    .server("HELLO: accepted", script.hello("server", { entries }))
    .sees("client", "opened");
}

function malformedResume(): Script {
  const script = new Script(
    "a malformed RESUME closes the connection",
    "The token has 15 bytes, and at least 16 are expected.",
    { subjects: ["server"], features: { client: FEATURE, server: FEATURE } },
  );
  const point = { generation: 1, received: 0, firstKept: 1 };
  const entry = field(0x0b, pointOf(point) + FIRST.slice(2));
  return script
    .client("HELLO: with RESUME", script.hello("client", { entries: [entry] }))
    .closedByServer("protocol");
}

function unasked(): Script {
  const script = new Script(
    "a RESUMED that the client did not ask for closes the connection",
    "Its session would begin in the middle.",
    { subjects: ["client"], features: { client: FEATURE, server: FEATURE } },
  );
  const point = { generation: 1, received: 0, firstKept: 1 };
  const entries = [token(FIRST), field(0x0c, pointOf(point))];
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server("HELLO: resumed", script.hello("server", { entries }))
    .closedByClient("protocol");
}

function acknowledged(): Script {
  const script = begun(
    "frames are acknowledged after a second",
    "One ACK is enough for both REQUESTs. It has no position itself.",
    { subjects: ["server"], library: true },
  );
  for (const id of [1, 3]) {
    script.requested(id, "add", request(id, ADD, ONE), { value: ONE });
  }
  return script.advance(1_000).server("ACK 2", ack(2));
}

function badAcks(): Script[] {
  return ([
    ["an ACK of a frame that was not sent closes the connection", 1, 8],
    ["an ACK of 7 bytes closes the connection", 0, 7],
  ] as const).map(([name, position, bytes]) =>
    begun(name, "The server has sent no frame with a position.", {
      subjects: ["server"],
    })
      .client("ACK", named("ACK", 0, uint(position, bytes)))
      .closedByServer("protocol")
  );
}

function pings(): Script[] {
  const begunWith = (name: string, meaning: string) =>
    begun(name, meaning, { subjects: ["server"] })
      .requested(1, "add", request(1, ADD, ONE), { value: ONE });
  return [
    begunWith(
      "a PING states the position of the last frame before it",
      "The PONG repeats it: an ACK of its own is not necessary.",
    )
      .client("PING: 1", named("PING", 0, ping(1)))
      .server("PONG", named("PONG", 0, ping(1))),
    begunWith(
      "a PING with another position closes the connection",
      "The ends do not agree on the frames that were sent.",
    )
      .client("PING: 2", named("PING", 0, ping(2)))
      .sees("server", "cancelled", { call: 1, reason: "disconnected" })
      .closedByServer("protocol", 1),
  ];
}

export const RESUME: readonly Conversation[] = [
  identified(),
  badlyIdentified(),
  replayed(),
  nothingLost(),
  refused(),
  unknown(),
  malformedResume(),
  unasked(),
  acknowledged(),
  ...badAcks(),
  ...pings(),
].map(({ conversation }) => conversation);
