import { assertEquals, assertThrows } from "@std/assert";
import { broadcastChannelBus } from "../../../lib/messages/bus/mod.ts";
import { checkBus } from "../../../lib/testing/check_bus.ts";

Deno.test("broadcastChannelBus() passes checkBus()", async () => {
  const name = crypto.randomUUID();
  const near = broadcastChannelBus(name, { maxMessage: 65_536 });
  const far = broadcastChannelBus(name, { maxMessage: 65_536 });
  await checkBus(() => [near, far]);
  near.close();
  far.close();
});

Deno.test("broadcastChannelBus() closes its channel with the last subscription", () => {
  const bus = broadcastChannelBus("a");
  const one = bus.subscribe("a", () => {});
  const two = bus.subscribe("b", () => {});
  one[Symbol.dispose]();
  two[Symbol.dispose](); // the sanitizer of resources would find a channel
  assertEquals(bus.status, "up");
});

Deno.test("broadcastChannelBus() carries nothing after close()", () => {
  const bus = broadcastChannelBus("a");
  const changes: string[] = [];
  bus.onStatus((status) => changes.push(status));
  assertEquals(bus.publish("a", new Uint8Array(1)), true);
  bus.close();
  bus[Symbol.dispose]();
  assertEquals(bus.publish("a", new Uint8Array(1)), false);
  bus.subscribe("a", () => {})[Symbol.dispose]();
  assertEquals([bus.status, changes], ["closed", ["closed"]]);
});

Deno.test("broadcastChannelBus() ignores what others post to its channel", async () => {
  const name = crypto.randomUUID();
  const bus = broadcastChannelBus(name);
  const heard: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = bus.subscribe("a", ([first]) => {
    heard.push(first!);
    resolve();
  });
  const other = new BroadcastChannel(name);
  const bytes = new Uint8Array(1);
  const posted = [1, "a", null, ["a"], ["a", "b"], [1, bytes], ["a", bytes, 1]];
  for (const data of [...posted, ["a", Uint8Array.of(7)]]) {
    other.postMessage(data);
  }
  await promise;
  assertEquals(heard, [7]);
  other.close();
  subscription[Symbol.dispose]();
});

Deno.test("broadcastChannelBus() rejects options out of range", () => {
  for (const maxMessage of [0, -1, 1.5, NaN]) {
    assertThrows(() => broadcastChannelBus("a", { maxMessage }), RangeError);
  }
  assertThrows(() => broadcastChannelBus(1 as unknown as string), TypeError);
});

Deno.test("broadcastChannelBus() posts a burst together, and takes at most 8 MiB for a post", async () => {
  const name = crypto.randomUUID();
  const [near, far] = [broadcastChannelBus(name), broadcastChannelBus(name)];
  let posts = 0;
  const channel = new BroadcastChannel(name);
  channel.onmessage = () => posts++;
  const { promise, resolve } = Promise.withResolvers<void>();
  const numbers: number[] = [];
  const subscription = far.subscribe("a", ([high = 0, low = 0]) => {
    if (numbers.push(high * 256 + low) === 2_000) resolve();
  });
  for (let n = 0; n < 2_000; n++) near.publish("a", Uint8Array.of(n >> 8, n));
  await promise;
  assertEquals(numbers, Array.from({ length: 2_000 }, (_, n) => n));
  assertEquals(posts, 1);
  const large = new Uint8Array(4 * 2 ** 20);
  const taken = Array.from({ length: 3 }, () => near.publish("b", large));
  assertEquals(taken, [true, true, false]);
  channel.close();
  subscription[Symbol.dispose]();
  near.close();
});

Deno.test("broadcastChannelBus() posts what waits when it closes", async () => {
  const name = crypto.randomUUID();
  const [near, far] = [broadcastChannelBus(name), broadcastChannelBus(name)];
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = far.subscribe("a", ([n]) => n === 2 && resolve());
  near.publish("a", Uint8Array.of(1));
  await Promise.resolve();
  near.publish("a", Uint8Array.of(2)); // within the interval
  near.close();
  await promise;
  subscription[Symbol.dispose]();
});
