import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { connect } from "../../../lib/messages/client/connect.ts";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { formatRecording } from "../../../lib/messages/observe/recording.ts";
import {
  type Violation,
  ViolationLog,
} from "../../../lib/messages/observe/violation_log.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, turns, until } from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});
const handlers = { echo: (text: string) => text };

Deno.test("a recording of a session with credentials holds none of their bytes", async () => {
  await using server = createServer(Echo, { authenticate: () => {} })
    .handle(handlers);
  await using session = await connect(Echo, dial(server), {
    credentials: { password: "hunter2" },
  });
  await session.refresh({ password: "hunter3" });
  await session.remote.echo("secret text");
  const [served] = server.sessions;
  const found = served!.recording();
  assertEquals(found.map(({ kind, direction }) => `${direction} ${kind}`), [
    "received HELLO",
    "sent HELLO",
    "received AUTH",
    "sent AUTH",
    "received REQUEST",
    "sent RESULT",
  ]);
  const lengths = found.map(({ length }) => length);
  assertEquals(lengths.slice(0, 4), Array(4).fill(undefined));
  const text = formatRecording(found) + JSON.stringify(found);
  assert(!text.includes("hunter") && !text.includes("secret"));
  assertMatch(formatRecording(found), /← REQUEST id 1 16 B$/m);
  assertMatch(formatRecording(found), /→ HELLO \(length not shown\)$/m);
});

Deno.test("a session that ends by a violation is reported with its last frames", async () => {
  const violations: Violation[] = [];
  await using server = createServer(Echo, {
    recorder: { onViolation: (violation) => void violations.push(violation) },
  }).handle(handlers);
  for (let count = 0; count < 3; count++) {
    await using peer = new RawPeer(dial(server));
    await peer.hello({ methods: [["echo", 0]] });
    await peer.frame(K.REQUEST, 1, request(0, value("a")));
    await peer.until(K.RESULT);
    await peer.frame(K.REQUEST, 1, request(0, value("a"))); // the id again
    await peer.until(K.GOAWAY);
  }
  await turns(2);
  const [violation, ...others] = violations;
  assertEquals(others, []);
  assertEquals(violation!.error.code, "protocol");
  const kinds = violation!.recording.map(({ kind }) => kind);
  assertEquals(kinds.slice(-4), ["REQUEST", "RESULT", "REQUEST", "GOAWAY"]);
  assertEquals(server.stats.sessions.ended, { protocol: 3 });
});

Deno.test("frames that arrive before the client is accepted are recorded and counted once", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = createServer(Echo, { authenticate: () => gate.promise })
    .handle(handlers);
  const [near, far] = memoryPair();
  let early = 0;
  const { read } = far;
  far.read = async (buffer) => {
    const count = await read.call(far, buffer);
    early += count ?? 0;
    return count;
  };
  server.accept(far);
  await using peer = new RawPeer(near);
  await peer.hello({ methods: [["echo", 0]] });
  await until(() => early > 0);
  const length = early; // of HELLO
  for (const id of [1, 3]) {
    await peer.frame(K.REQUEST, id, request(0, value("a")));
  }
  const requests = 2 * (12 + request(0, value("a")).length);
  await until(() => early === length + requests);
  gate.resolve();
  await peer.until(K.RESULT);
  await peer.until(K.RESULT);
  const [session] = server.sessions;
  const found = session!.recording();
  assertEquals(found.map(({ kind, id }) => `${kind} ${id}`), [
    ...["HELLO 0", "REQUEST 1", "REQUEST 3", "HELLO 0"],
    ...["RESULT 1", "RESULT 3"],
  ]);
  const { framesReceived, bytesReceived } = session!.stats;
  assertEquals([framesReceived["HELLO"], framesReceived["REQUEST"]], [1, 2]);
  assertEquals(bytesReceived, length + requests);
});

Deno.test("a recording shows the numbers of kinds that are not known", async () => {
  const { promise, resolve } = Promise.withResolvers<Violation>();
  await using server = createServer(Echo, {
    recorder: { onViolation: resolve },
  }).handle(handlers);
  await using peer = new RawPeer(dial(server));
  await peer.hello({ methods: [["echo", 0]] });
  const ignorable = 0x80;
  for (const kind of [0x00, 0x0f, 0x18, 0xff]) {
    await peer.frame(kind, 1, undefined, ignorable);
  }
  await peer.frame(0x7f, 5);
  const { recording } = await promise;
  assertEquals(recording.slice(2, 7).map(({ kind }) => kind), [
    ...["0x00", "0x0f", "0x18", "0xff", "0x7f"],
  ]);
  assertMatch(formatRecording(recording), /← 0x18 id 1 0 B flags 0x80$/m);
});

Deno.test("the error of a violation has the last frames of its own end", async () => {
  await using server = createServer(Echo, {
    recorder: { onViolation: () => {} },
  }).handle({ echo: () => new Promise(() => {}) });
  const connection = dial(server);
  await using session = await connect(Echo, connection);
  const call = session.remote.echo("a").catch((error) => error);
  await turns(2);
  const [served] = server.sessions;
  // A frame that the client's session does not know of: the id 1 again.
  await new RawPeer(connection)
    .frame(K.REQUEST, 1, request(0, value("a")));
  const found = await served!.finished;
  const reported = await session.finished;
  assertEquals([found.code, found.remote], ["protocol", false]);
  assertEquals([reported.code, reported.remote], ["protocol", true]);
  const ends = (error: SessionError) =>
    error.recording.slice(-2).map(({ direction, kind }) => [direction, kind]);
  assertEquals(ends(found), [["received", "REQUEST"], ["sent", "GOAWAY"]]);
  assertEquals(ends(reported), [["sent", "REQUEST"], ["received", "GOAWAY"]]);
  assertMatch(formatRecording(reported.recording), /← GOAWAY \d+ B$/m);
  assertEquals(reported.recording, session.recording());
  const { cause } = await call;
  assert(cause instanceof SessionError);
  assertEquals(cause.recording, reported.recording);
  assert(!Deno.inspect(reported).includes("REQUEST"));
});

Deno.test("connect() fails with the frames of a handshake that broke the protocol", async () => {
  const [near, far] = memoryPair();
  const connecting = connect(Echo, near, {
    recorder: { onViolation: () => {} },
  });
  await using peer = new RawPeer(far);
  await peer.frame(K.RESULT, 1); // before HELLO
  const error = await assertRejects(() => connecting, SessionError);
  assertEquals(error.code, "protocol");
  assertEquals(
    error.recording.map(({ direction, kind }) => `${direction} ${kind}`),
    ["sent HELLO", "received RESULT", "sent GOAWAY"],
  );
});

Deno.test("connect() in a loop reports one of the servers that break the protocol", async () => {
  const reports: Violation[] = [];
  const onViolation = (violation: Violation) => void reports.push(violation);
  for (let count = 0; count < 5; count++) {
    const [near, far] = memoryPair();
    const connecting = connect(Echo, near, { recorder: { onViolation } });
    await using peer = new RawPeer(far);
    await peer.frame(K.RESULT, 1); // before HELLO
    await assertRejects(() => connecting, SessionError);
  }
  assertEquals(reports.length, 1);
});

Deno.test("the error of an orderly end has no frames", async () => {
  await using server = createServer(Echo).handle(handlers);
  await using session = await connect(Echo, dial(server));
  await session.remote.echo("a");
  await session.close();
  assertEquals((await session.finished).recording, []);
  const made = new SessionError("x", { code: "protocol" });
  assertEquals(made.recording, []);
});

Deno.test("1,000 sessions killed in 1 s: one report, and a count of 999", () => {
  const reports: Violation[] = [];
  let details = 0;
  const log = new ViolationLog((violation) => void reports.push(violation));
  const violation = () => {
    details++;
    const error = new SessionError("x", { code: "protocol" });
    return { session: "s", error, peer: "p", recording: [] };
  };
  for (let ms = 0; ms < 1000; ms++) log.add(violation, ms);
  assertEquals([reports.length, reports[0]!.omitted, details], [1, 0, 1]);
  log.add(violation, 10_000);
  assertEquals(reports.map(({ omitted }) => omitted), [0, 999]);
  new ViolationLog(() => {
    throw new Error("a broken callback");
  }).add(violation, 0);
});

Deno.test("the option recorder is checked, and 0 records nothing", async () => {
  for (const frames of [0, 1, 4096]) {
    createServer(Echo, { recorder: { frames } }).handle(handlers);
  }
  for (const frames of [-1, 1.5, 4097]) {
    assertThrows(
      () => createServer(Echo, { recorder: { frames } }).handle(handlers),
      RangeError,
      "recorder.frames",
    );
  }
  await using server = createServer(Echo, { recorder: { frames: 0 } })
    .handle(handlers);
  await using session = await connect(Echo, dial(server));
  await session.remote.echo("a");
  const [served] = server.sessions;
  assertEquals(served!.recording(), []);
  assertEquals(served!.stats.held.recorder, { bytes: 0, limit: 0 });
});
