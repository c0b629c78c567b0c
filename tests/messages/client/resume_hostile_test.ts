/**
 * Clients whose server resumes their sessions in a wrong way.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { decodeHello } from "../../../lib/messages/session/wire/hello.ts";
import {
  encodeRefusal,
  encodeResumed,
  encodeToken,
  type ResumePoint,
} from "../../../lib/messages/session/wire/resumption.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { K, RawPeer } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({ name: "p", server: { wait: unary<void, void>() } });
const RESUME = 0x01;
const TOKEN = { grace: 30_000, secret: new Uint8Array(32).fill(5) };

/** Connects a client, and returns the ends of its connections on request. */
function connecting() {
  const peers: RawPeer[] = [];
  const arrived: ((peer: RawPeer) => void)[] = [];
  const connector = {
    name: "raw",
    connect() {
      const [near, far] = memoryPair();
      const peer = new RawPeer(far);
      const next = arrived.shift();
      if (next === undefined) peers.push(peer);
      else next(peer);
      return Promise.resolve(near);
    },
  };
  const next = () =>
    new Promise<RawPeer>((resolve) => {
      const peer = peers.shift();
      if (peer === undefined) arrived.push(resolve);
      else resolve(peer);
    });
  return { connector, next };
}

/** Opens a session with a call in flight, and loses its connection. */
async function cut() {
  const { connector, next } = connecting();
  const opening = connect(P, connector, { resume: { patience: 10_000 } });
  const first = await next();
  await first.until(K.HELLO);
  await hello(first);
  const session = await opening;
  const failed = assertRejects(() => session.remote.wait(), CallError);
  await first.until(K.REQUEST);
  first.connection.close();
  const second = await next();
  const { body } = await second.until(K.HELLO);
  const { resume } = decodeHello(body, 10, RESUME);
  assertEquals(resume, {
    ...{ generation: 1, received: 0, firstKept: 1, token: TOKEN.secret },
  });
  return { session, second, failed, next };
}

function hello(
  peer: RawPeer,
  ...entries: (readonly [number, Uint8Array])[]
): Promise<void> {
  const token = [0x0a, encodeToken(TOKEN)] as const;
  return peer.hello({
    role: 1,
    features: RESUME,
    entries: [token, ...entries],
  });
}

for (
  const [what, point] of [
    ["has read more frames than were sent", { received: 2, firstKept: 1 }],
    ["no longer keeps frames", { received: 1, firstKept: 2 }],
  ] as const
) {
  Deno.test(`a client gives up if the server ${what}`, none, async () => {
    const { session, second, failed } = await cut();
    const resumed: ResumePoint = { generation: 1, ...point };
    await hello(second, [0x0c, encodeResumed(resumed)]);
    assertEquals(await second.goaway(), { code: "resume-lost" });
    second.connection.close();
    assertEquals((await session.finished).code, "resume-lost");
    const { code, processed } = await failed;
    assertEquals([code, processed], ["disconnected", "maybe"]);
    await session.close();
  });
}

Deno.test(
  "a client ends the session that the server does not resume",
  none,
  async () => {
    const { session, second, failed } = await cut();
    const refusal = { reason: "expired", received: 0 } as const;
    await hello(second, [0x0d, encodeRefusal(refusal)]);
    const { code, processed } = await failed;
    assertEquals([code, processed], ["disconnected", "no"]);
    assertEquals((await session.finished).code, "resume-lost");
    await second.until(K.GOAWAY); // connect() does not use the new session
    second.connection.close();
  },
);

Deno.test("a client tries again if the answer is lost", none, async () => {
  const { session, second, failed, next } = await cut();
  second.connection.close();
  const third = await next();
  const { body } = await third.until(K.HELLO);
  assertEquals(decodeHello(body, 10, RESUME).resume?.generation, 2);
  const point = { generation: 2, received: 0, firstKept: 1 };
  await hello(third, [0x0c, encodeResumed(point)]);
  assert((await third.until(K.REQUEST)).id === 1); // sent again
  await third.until(K.ACK);
  third.connection.close();
  const closed = session.close();
  await failed;
  await closed;
});
