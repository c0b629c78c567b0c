/**
 * Two features at once that each have tests of their own.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  clientStream,
  duplex,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { typed } from "../../lib/messages/schema/typed.ts";
import type { StandardSchema } from "../../lib/messages/schema/standard_schema.ts";
import { Kind } from "../../lib/messages/session/wire/frame_header.ts";
import { testPair } from "../../lib/testing/test_pair.ts";
import { failureOf } from "./kit.ts";
import { Lone, request } from "./session/lone_session.ts";
import { NO_FIELDS } from "../../lib/messages/session/wire/fields.ts";
import { ASK, body } from "./session/session_calls.ts";

const pure = { permissions: "none" } as const;

/** A schema that validates a text when `release` has been called. */
function slow() {
  const gate = Promise.withResolvers<void>();
  const schema: StandardSchema<string> = {
    "~standard": {
      version: 1,
      vendor: "test",
      async validate(value) {
        await gate.promise;
        return typeof value === "string" && value !== "bad"
          ? { value }
          : { issues: [{ message: "Expected another text" }] };
      },
    },
  };
  return { schema, release: gate.resolve };
}

for (const opening of ["good", "bad"]) {
  Deno.test(
    `a stream that ends while its opening is validated: ${opening}`,
    pure,
    async () => {
      const { schema, release } = slow();
      const Slow = protocol({
        name: "slow",
        server: {
          sum: clientStream({
            input: typed<number>(),
            output: typed<number>(),
            opening: schema,
          }),
          talk: duplex({
            input: typed<number>(),
            output: typed<number>(),
            opening: schema,
          }),
        },
      });
      await using pair = await testPair(Slow).handle({
        async sum(items) {
          let sum = 0;
          for await (const item of items) sum += item;
          return sum;
        },
        async *talk(items) {
          yield* items;
        },
      });
      const { remote } = pair.session;
      const sum = remote.sum([1, 2, 3], { opening }).result;
      const talk = Array.fromAsync(remote.talk([4, 5], { opening }));
      sum.catch(() => {});
      talk.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 10)); // END has arrived
      release();
      if (opening === "good") {
        assertEquals([await sum, await talk], [6, [4, 5]]);
      } else {
        for (const call of [sum, talk]) {
          assertEquals((await failureOf(call)).code, "invalid");
        }
      }
    },
  );
}

Deno.test(
  "a limit on frames below the peer's splits what is sent",
  pure,
  () => {
    const lone = Lone.open("client", { maxFrameBody: 16_384 }, {
      maxFrameBody: 131_072,
    });
    lone.call({ value: body(20_000) });
    const frames = lone.sent();
    assertEquals(frames.map(({ more }) => more), [true, false]);
    assertEquals(Math.max(...frames.map((frame) => frame.body.length)), 16_384);
  },
);

Deno.test(
  "a drain waits for a response that the transport has not taken",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).drain();
    lone.sink.open = false;
    const { responses } = lone.session.enter(0).incoming;
    responses.respond(lone.calls[0]!.call, body(1000), NO_FIELDS);
    lone.advance(5000);
    const waiting = lone.ends.length;
    lone.write();
    lone.advance(5000);
    assertEquals([waiting, lone.ends.length], [0, 1]);
  },
);
