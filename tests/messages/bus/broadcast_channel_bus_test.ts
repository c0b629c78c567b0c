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
  const posted = [1, "a", null, ["a"], ["a", "b"], [1, new Uint8Array(1)]];
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
