/**
 * The store of outcomes in a bucket, real or simulated.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import type { OnceCall } from "../../lib/messages/once/once_store.ts";
import { type NatsKv, natsOnceStore } from "../../lib/nats/mod.ts";

/** Returns a call. */
export function call(key: string, more: Partial<OnceCall> = {}): OnceCall {
  return {
    ...{ key, principal: "", group: "", client: "c", number: 1, seen: 0 },
    ...{ created: Date.now(), digest: "d", ...more },
  };
}

/** Reserves, settles and repeats calls with two servers' stores. */
export async function useOnceStore(bucket: NatsKv): Promise<void> {
  const options = { lease: 5_000, retention: 60_000, maxOutcome: 100 };
  const [one, two] = [
    await natsOnceStore(bucket, options),
    await natsOnceStore(bucket, options),
  ];
  assertEquals(one.id, two.id);

  // Of many reservations, one is new.
  const strange = call("a/ü >*.\n" + "x".repeat(1_000));
  const states = await Promise.all(
    Array.from({ length: 10 }, (_, n) => (n % 2 ? one : two).reserve(strange)),
  );
  const [reserved, ...others] = states.filter(({ state }) => state === "new");
  if (reserved?.state !== "new") throw new Error("none was reserved");
  assertEquals([others.length, states.length], [0, 10]);
  assertEquals(states.filter(({ state }) => state === "running").length, 9);
  assertEquals(
    await two.reserve({ ...strange, digest: "other" }),
    { state: "conflict" },
  );

  // Another fence has no effect.
  const outcome = Uint8Array.of(0, 1, 0, 255);
  await two.settle(strange, "other", outcome);
  await two.release(strange, "other");
  await one.renew(strange, reserved.fence);
  assertEquals(await two.reserve(strange), { state: "running" });
  await one.settle(strange, reserved.fence, outcome);
  await one.settle(strange, reserved.fence, Uint8Array.of(9));
  await one.release(strange, reserved.fence);
  assertEquals(await two.reserve(strange), { state: "done", outcome });

  // A released call may run, a large outcome is lost, and an old call may have run.
  const released = call("released");
  const first = await one.reserve(released);
  if (first.state !== "new") throw new Error(first.state);
  await one.release(released, first.fence);
  const second = await two.reserve(released);
  if (second.state !== "new") throw new Error(second.state);
  await one.settle(released, first.fence, outcome); // the fence of the first
  assertEquals(await one.reserve(released), { state: "running" });
  await two.settle(released, second.fence, new Uint8Array(101));
  assertEquals(await one.reserve(released), { state: "gone" });
  const old = call("old", { created: Date.now() - 60_000 });
  assertEquals(await one.reserve(old), { state: "gone" });

  // The call of a server that has crashed has perhaps run.
  const crashed = await natsOnceStore(bucket, { ...options, lease: 1 });
  const lost = call("lost");
  const reservation = await crashed.reserve(lost);
  if (reservation.state !== "new") throw new Error(reservation.state);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(await two.reserve(lost), { state: "gone" });
  await crashed.settle(lost, reservation.fence, outcome);
  assertEquals(await two.reserve(lost), { state: "gone" });
  await assertRejects(
    () => natsOnceStore(bucket, { retention: 10 ** 9 }),
    RangeError,
    "twice the retention",
  );
}
