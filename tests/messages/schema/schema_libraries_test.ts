/**
 * Each schema library in calls over a socket: inputs, outputs, items in both
 * directions and the data of declared errors are validated and converted.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  clientStream,
  duplex,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type { CallError } from "../../../lib/messages/errors/call_error.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { all, failureOf, incidents } from "../kit.ts";
import { LIBRARIES, type Library } from "./schema_libraries.ts";

function declare({ order, doubled }: Library) {
  return protocol({
    name: "schemas",
    server: {
      buy: unary({ input: order, output: doubled, errors: { short: order } }),
      watch: serverStream({ input: order, output: doubled }),
      sum: clientStream({ input: doubled, output: order, opening: order }),
      talk: duplex({ input: order, output: doubled }),
    },
  });
}

/** Serves handlers whose results are valid or invalid, depending on the input. */
async function shop(library: Library) {
  const { list, onError } = incidents();
  const Shop = declare(library);
  const server = await serve(
    Shop,
    { port: 0 },
    { onError },
  ).handle({
    buy({ count }, context) {
      if (count === 7) throw context.error("short", { count });
      if (count === 8) throw context.error("short", { count: 0 });
      return count;
    },
    async *watch({ count }) {
      yield 1;
      yield count;
    },
    async sum(items, { opening }) {
      let count = opening.count;
      for await (const item of items) count += item;
      return { count };
    },
    async *talk(orders) {
      for await (const { count } of orders) yield count;
    },
  });
  return { server, list, session: await connect(Shop, server.addr) };
}

for (const [name, library] of Object.entries(LIBRARIES)) {
  Deno.test(`${name}: the callee validates inputs and outputs`, async () => {
    const { server, session, list } = await shop(library);
    const { remote } = session;
    assertEquals(await remote.buy({ count: 3 }), 6);
    const invalid = await failureOf(remote.buy({ count: 0 }));
    assertEquals([invalid.code, invalid.processed], ["invalid", "no"]);
    assertEquals(list.length, 0);
    const bad = await failureOf(remote.buy({ count: 101 }));
    assertEquals([bad.code, bad.processed], ["internal", "yes"]);
    assertEquals(list.map(({ id }) => id), [bad.incident]);
    await session.close();
    await server.shutdown();
  });

  Deno.test(`${name}: the data of declared errors is validated`, async () => {
    const { server, session, list } = await shop(library);
    const short = await failureOf(session.remote.buy({ count: 7 }));
    assertEquals([short.code, short.declared], ["declared", "short"]);
    assertEquals(short.data, { count: 7 });
    const bad = await failureOf(session.remote.buy({ count: 8 }));
    assertEquals([bad.code, bad.data], ["internal", undefined]);
    assertEquals(list.length, 1);
    await session.close();
    await server.shutdown();
  });

  Deno.test(`${name}: items are validated and converted in both directions`, async () => {
    const { server, session, list } = await shop(library);
    const { remote } = session;
    assertEquals(await all(remote.watch({ count: 5 })), [2, 10]);
    const got: number[] = [];
    try {
      for await (const item of remote.watch({ count: 101 })) got.push(item);
    } catch (error) {
      assertEquals((error as CallError).code, "internal");
    }
    assertEquals([got, list.length], [[2], 1]);
    const opening = { count: 1 };
    assertEquals(await remote.sum([2, 3], { opening }).result, { count: 11 });
    const sum = remote.sum([2, 101], { opening });
    assertEquals((await failureOf(sum.result)).code, "invalid");
    const badly = remote.sum([], { opening: { count: 0 } });
    assertEquals((await failureOf(badly.result)).code, "invalid");
    assertEquals(await all(remote.talk([{ count: 4 }])), [8]);
    const talk = all(remote.talk([{ count: 0 }]));
    assertEquals((await failureOf(talk)).code, "invalid");
    assertEquals(list.length, 1);
    await session.close();
    await server.shutdown();
  });
}
