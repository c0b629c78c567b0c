/**
 * Peers that disappear without closing their connections. Virtual time shows how
 * long it takes; real processes, that it works.
 *
 * @module
 */
import {
  CallError,
  connect,
  createClient,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import {
  type SimulatedNetwork,
  simulatedNetwork,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertRejects } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, string>({ idempotent: true }),
    ticks: serverStream<void, number>(),
  },
});

/** A server that never replies to a call for "slow". */
function shop(network: SimulatedNetwork, name: string) {
  return serve(Shop, network.listen(name), { onError() {} }).handle({
    price: (sku) =>
      sku === "slow" ? new Promise(() => {}) : `${sku} at ${name}`,
    async *ticks() {
      yield 1;
      await new Promise(() => {});
    },
  });
}

Deno.test(
  "a black hole is noticed in seconds while a call waits, and the call goes elsewhere",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 20 });
    const servers = [await shop(network, "a"), await shop(network, "b")];
    const client = createClient(Shop, [
      network.address("a"),
      network.address("b"),
    ]);
    assertEquals(await time.run(client.remote.price("x")), "x at a");
    await time.advance(31_000);
    network.set("a", "silent");
    const begun = time.now;
    assertEquals(await time.run(client.remote.price("y")), "y at b");
    // A second until the first PING, one for the reply to each of two, and up to
    // 2 s before the next server.
    const took = time.now - begun;
    assert(took > 3_000 && took < 5_500, `${took} ms`);
    await time.run(client.close());
    network.set("a", "down");
    await time.run(Promise.all(servers.map((server) => server.abort())));
  },
);

Deno.test(
  "a black hole is noticed as soon by a client that has just sent much",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 20 });
    const servers = [await shop(network, "a"), await shop(network, "b")];
    const client = createClient(Shop, [
      network.address("a"),
      network.address("b"),
    ]);
    const sku = "x".repeat(10_000);
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 10 }, () => client.remote.price(sku));
      await time.run(Promise.all(calls));
    }
    network.set("a", "silent");
    const begun = time.now;
    assertEquals(await time.run(client.remote.price("y")), "y at b");
    const took = time.now - begun;
    assert(took > 3_000 && took < 5_500, `${took} ms`);
    await time.run(client.close());
    network.set("a", "down");
    await time.run(Promise.all(servers.map((server) => server.abort())));
  },
);

Deno.test(
  "an idle session sends no more PINGs than its heartbeat",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 20 });
    const server = await shop(network, "a");
    const client = createClient(Shop, network.address("a"));
    await time.run(client.remote.price("x"));
    const [link] = network.links;
    const before = link!.toServer.bytes;
    await time.advance(60_000);
    assertEquals(link!.toServer.bytes - before, 6 * 20); // and as many PONGs
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);

Deno.test(
  "a silent subscription costs one PING in five seconds",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 20 });
    const server = await shop(network, "a");
    const client = createClient(Shop, network.address("a"));
    const ticks = client.remote.ticks()[Symbol.asyncIterator]();
    await time.run(ticks.next());
    const [link] = network.links;
    await time.advance(10_000);
    const before = link!.toServer.bytes;
    await time.advance(60_000);
    const pings = (link!.toServer.bytes - before) / 20;
    assert(pings >= 11 && pings <= 12, `${pings} PINGs`);
    await time.run(client.close());
    await time.run(server.abort());
  },
);

/** A server in a process of its own, on a port. */
class ShopProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

  constructor() {
    const script = new URL("./programs/shop_server.ts", import.meta.url);
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-net=127.0.0.1", script.pathname],
      stdout: "piped",
    }).spawn();
    this.#output = this.#child.stdout.getReader();
  }

  async port(): Promise<number> {
    const { value } = await this.#output.read();
    return Number(new TextDecoder().decode(value));
  }

  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#output.cancel();
    await this.#child.status;
  }
}

/** Limits with which only waiting calls end a session. */
const ONLY_PENDING = {
  heartbeat: 2 ** 31 - 1,
  writeStall: 2 ** 31 - 1,
} as const; // the values are limits

Deno.test("a call to a stopped process fails, although its connection stays open", async () => {
  await using shop = new ShopProcess();
  const session = await connect(Shop, { port: await shop.port() }, {
    limits: { ...ONLY_PENDING, pendingHeartbeat: 200 },
  });
  await session.remote.price("x");
  shop.signal("SIGSTOP");
  const error = await assertRejects(() => session.remote.price("y"), CallError);
  assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
  assertEquals((await session.finished).code, "timeout");
});

Deno.test("a peer does not count as dead because this process was blocked", async () => {
  await using shop = new ShopProcess();
  await using session = await connect(Shop, { port: await shop.port() }, {
    limits: { ...ONLY_PENDING, pendingHeartbeat: 200 },
  });
  const ticks = session.remote.ticks()[Symbol.asyncIterator]();
  await ticks.next(); // a call that waits from now on
  for (let block = 0; block < 5; block++) {
    const until = performance.now() + 700; // longer than all intervals
    while (performance.now() < until) { /* is blocked */ }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(await session.remote.price("y"), "y");
  assertEquals(session.draining.aborted, false);
  await ticks.return?.();
});
