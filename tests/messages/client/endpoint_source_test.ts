/**
 * Clients whose lists of addresses change.
 *
 * @module
 */
import {
  createClient,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { chooseEndpoints } from "../../../lib/messages/client/endpoint_source.ts";
import type { Connector } from "../../../lib/messages/client/connector.ts";

const Name = protocol({
  name: "name",
  server: {
    name: unary<null, string>(),
    names: serverStream<number, string>(),
  },
});

/** A list that tests replace. */
class Lists {
  #lists: (readonly Connector[] | Error)[] = [];
  #wake: () => void = () => {};
  /** Number of times that the source was asked. */
  asked = 0;

  push(list: readonly Connector[] | Error): void {
    this.#lists.push(list);
    this.#wake();
  }

  readonly source = async function* (
    this: Lists,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Connector[]> {
    this.asked++;
    signal.addEventListener("abort", () => this.#wake());
    while (!signal.aborted) {
      const list = this.#lists.shift();
      if (list instanceof Error) throw list;
      if (list !== undefined) yield list;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }.bind(this);
}

/** Servers on a simulated network. */
async function world(names: string[]) {
  const network = simulatedNetwork({ latency: 5 });
  const servers = await Promise.all(
    names.map((name) =>
      serve(Name, network.listen(name)).handle({
        name: () => name,
        async *names(count) {
          for (let sent = 0; sent < count; sent++) {
            yield name;
            await new Promise((resolve) => setTimeout(resolve, 100));
          }
        },
      })
    ),
  );
  return { at: (name: string) => network.address(name), servers };
}

Deno.test("a client follows its list, and a stream at an address that is gone goes on", async () => {
  using time = virtualTime({ seed: 3 });
  const { at, servers } = await world(["a", "b"]);
  const lists = new Lists();
  const client = createClient(Name, lists.source, { shuffle: false });
  const early = client.remote.name(null); // waits for the first list
  await time.advance(50);
  assertEquals(client.status, "backing-off");
  lists.push([at("a")]);
  assertEquals(await time.run(early), "a");

  const stream: string[] = [];
  const streaming = (async () => {
    for await (const name of client.remote.names(20)) stream.push(name);
  })();
  await time.advance(100);
  lists.push([at("b")]);
  await time.advance(100);
  assertEquals(await time.run(client.remote.name(null)), "b");
  await time.run(streaming);
  assertEquals(stream, Array.from({ length: 20 }, () => "a"));
  await time.advance(1_000);
  assertEquals(servers.map(({ sessions }) => sessions.size), [0, 1]);

  lists.push([at("b"), at("a")]); // nothing moves
  await time.advance(1_000);
  assertEquals(servers.map(({ sessions }) => sessions.size), [0, 1]);
  await time.run(client.close());
  await time.run(Promise.all(servers.map((server) => server.shutdown())));
});

Deno.test("a client with several sessions uses addresses that are added", async () => {
  using time = virtualTime({ seed: 3 });
  const { at, servers } = await world(["a", "b", "c"]);
  const lists = new Lists();
  lists.push([at("a"), at("b"), at("c")]);
  const client = createClient(Name, lists.source, { connections: 3 });
  await time.advance(100);
  const sizes = () => servers.map(({ sessions }) => sessions.size);
  assertEquals(sizes(), [1, 1, 1]);
  lists.push([at("a"), at("b")]);
  await time.advance(1_000);
  assertEquals(sizes().toSorted(), [0, 1, 2]);
  lists.push([]);
  await time.advance(1_000);
  assertEquals([sizes(), client.status], [[0, 0, 0], "backing-off"]);
  lists.push([at("c")]);
  await time.advance(1_000);
  assertEquals(sizes(), [0, 0, 3]);
  await time.run(client.close());
  await time.run(Promise.all(servers.map((server) => server.shutdown())));
});

Deno.test("a source that fails is asked again, and calls state its error", async () => {
  using time = virtualTime({ seed: 3 });
  const { at, servers } = await world(["a"]);
  const lists = new Lists();
  lists.push(new Error("no name server"));
  const client = createClient(Name, lists.source, { wait: { timeout: 500 } });
  const failing = assertRejects(
    () => client.remote.name(null),
    Error,
    "last failure: no name server",
  );
  await time.run(failing);
  lists.push([at("a")]);
  await time.advance(1_000);
  assertEquals([lists.asked, client.status], [2, "connected"]);
  lists.push(new Error("no name server")); // the last list stays in use
  await time.advance(500);
  assertEquals(await time.run(client.remote.name(null)), "a");
  await time.run(client.close());
  await time.run(servers[0]!.shutdown());
});

Deno.test("chooseEndpoints() shuffles fairly, and chooses subsets that differ", () => {
  const addresses = ["a", "b", "c", "d"].map((name): Connector => ({
    name,
    connect: () => Promise.reject(new Error()),
  }));
  const chosen = (id: string, subset: number, random = () => 0.999) =>
    chooseEndpoints(
      addresses,
      { shuffle: true, subset, id },
      (address) => (address as Connector).name, // they all are
      random,
    ).map((address) => (address as Connector).name).join(""); // as above
  assertEquals(chosen("x", Infinity), "abcd");
  assertEquals(chosen("x", Infinity, () => 0), "bcda");
  const subsets = new Set(
    Array.from({ length: 100 }, (_, id) => chosen(`${id}`, 2)),
  );
  assertEquals(subsets.size, 6); // every pair
  const first = Map.groupBy(
    Array.from({ length: 400 }, () => chosen("x", Infinity, Math.random)),
    ([first]) => first,
  );
  for (const [name, { length }] of first) {
    assert(length > 50 && length < 150, `${name}: ${length}`);
  }
});

Deno.test("createClient() rejects a subset and a shuffle that have no meaning", () => {
  for (const subset of [0, -1, 1.5, NaN]) {
    assertThrows(() => createClient(Name, { port: 1 }, { subset }), RangeError);
  }
  const shuffle = "no" as never; // a JavaScript program's
  assertThrows(() => createClient(Name, { port: 1 }, { shuffle }), TypeError);
  assertThrows(() => createClient(Name, []), RangeError, "without");
});
