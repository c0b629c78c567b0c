/**
 * The store of outcomes in a real bucket of NATS, which survives a restart.
 *
 * @module
 */
import { Kvm } from "@nats-io/kv";
import { assertEquals } from "@std/assert";
import { type NatsKv, natsOnceStore } from "@lengthwise/lengthwise/nats";
import { call, useOnceStore } from "../nats/once_scenario.ts";
import { connectNats, NatsServer } from "./nats_server.ts";

Deno.test("natsOnceStore() keeps outcomes in a bucket of nats-server, also when it is killed", async () => {
  await using nats = await NatsServer.start(
    'jetstream { store_dir: "FOLDER" }',
  );
  const connection = await connectNats(nats);
  const bucket: NatsKv = await new Kvm(connection).create("once", {
    ttl: 1_200_000,
  });
  await useOnceStore(bucket);
  const store = await natsOnceStore(bucket);
  const kept = call("kept");
  const reserved = await store.reserve(kept);
  if (reserved.state !== "new") throw new Error(reserved.state);
  const outcome = Uint8Array.of(7);
  await store.settle(kept, reserved.fence, outcome);
  await nats.end("SIGKILL");
  await nats.start();
  const later = await connectNats(nats);
  const again = await natsOnceStore(await new Kvm(later).open("once"));
  assertEquals(again.id, store.id);
  assertEquals(await again.reserve(kept), { state: "done", outcome });
  await connection.close();
  await later.close();
});
