import { assertEquals } from "@std/assert";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { resolveLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { Link } from "../../../../lib/messages/session/flow/shared_state.ts";
import { Writer } from "../../../../lib/messages/session/flow/frame_writer.ts";
import { Recorder } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "a Link begins with nothing held, all credit in its pool, and the minima of before the handshake",
  pure,
  () => {
    const limits = resolveLimits({ connectionWindow: 70_000 });
    const failures: string[] = [];
    const link = new Link(
      new Writer(new Recorder(), bytes(), limits),
      limits,
      (code, message) => failures.push(`${code}: ${message}`),
    );
    assertEquals([link.pool.left, link.budget.used, link.wheel.size], [
      70_000,
      0,
      0,
    ]);
    assertEquals(
      [link.blocked.size, link.peerMaxCalls, link.peerStreamWindow],
      [0, 32, 0],
    );
    link.fail("protocol", "why");
    assertEquals(failures, ["protocol: why"]);
  },
);
