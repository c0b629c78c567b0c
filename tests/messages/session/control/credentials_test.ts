/**
 * Credentials are decoded within a budget of their own, far below that of a value.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { json } from "../../../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../../../lib/messages/codec/msgpack.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import type { SessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { hello, Lone } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

/** Returns what becomes of credentials in HELLO and in AUTH. */
function outcomes(
  codec: MessageCodec,
  credentials: unknown,
  limits: Partial<SessionLimits> = {},
): (string | undefined)[] {
  const auth = codec.encode(credentials);
  const first = new Lone("server", limits, [codec]);
  const changes = { codecs: [codec.name] };
  first.receive(Kind.HELLO, 0, hello("client", { ...changes, auth }));
  const later = Lone.open("server", limits, changes, [codec]);
  later.receive(Kind.AUTH, 1, auth);
  return [first, later].map(({ ends: [error] }) => error?.code);
}

for (const codec of [msgpack(), json()]) {
  const { name } = codec;
  /** Credentials that hold many times their size. */
  const small = (length: number) =>
    Array.from({ length }, () => name === "json" ? [] : [1]);
  /** Length of the encoded credentials, and the memory that they hold. */
  const sizes = (value: unknown) => {
    const body = codec.encode(value);
    const budget = { held: 0 };
    codec.decode(body, budget);
    return [body.length, budget.held] as const;
  };

  Deno.test(
    `decodeCredentials() refuses what holds more than 64 KiB in ${name}`,
    pure,
    () => {
      let count = 0;
      while (sizes(small(count + 1))[1] <= 65_536) count++;
      assertEquals(sizes(small(count + 1))[0] < 4096, true);
      assertEquals(outcomes(codec, small(count)), [undefined, undefined]);
      assertEquals(outcomes(codec, small(count + 1)), [
        "unauthenticated",
        "unauthenticated",
      ]);
    },
  );

  Deno.test(
    `decodeCredentials() allows more if maxCredentials is raised in ${name}`,
    pure,
    () => {
      const limits = { maxCredentials: 60_000 };
      const text = "中".repeat(19_900); // three bytes each
      assertEquals(outcomes(codec, text, limits), [undefined, undefined]);
      assertEquals(outcomes(codec, small(2000), limits), [
        undefined,
        undefined,
      ]);
      assertEquals(outcomes(codec, small(15_000), limits), [
        "unauthenticated",
        "unauthenticated",
      ]);
    },
  );
}
