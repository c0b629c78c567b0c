import { assertEquals, assertRejects } from "@std/assert";
import {
  type NatsKv,
  type NatsKvEntry,
  natsOnceStore,
} from "../../lib/nats/mod.ts";
import { call, useOnceStore } from "./once_scenario.ts";

/** A bucket in memory. */
class FakeKv implements NatsKv {
  readonly entries: Map<string, NatsKvEntry> = new Map();
  /** Whether replies are lost: operations take effect and fail. */
  losesReplies = false;
  /** Whether creations fail. */
  isFull = false;
  #revision = 0;

  #put(key: string, value: Uint8Array, operation = "PUT"): Promise<number> {
    const revision = ++this.#revision;
    this.entries.set(key, { value: value.slice(), revision, operation });
    return this.losesReplies
      ? Promise.reject(new Error("timeout"))
      : Promise.resolve(revision);
  }

  #is(key: string, revision: number): boolean {
    return this.entries.get(key)?.revision === revision;
  }

  create(key: string, value: Uint8Array): Promise<number> {
    const exists = this.entries.get(key)?.operation === "PUT";
    if (this.isFull || exists) return Promise.reject(new Error("not created"));
    return this.#put(key, value);
  }

  get(key: string): Promise<NatsKvEntry | null> {
    return Promise.resolve(this.entries.get(key) ?? null);
  }

  update(key: string, value: Uint8Array, revision: number): Promise<number> {
    if (!this.#is(key, revision)) return Promise.reject(new Error("revision"));
    return this.#put(key, value);
  }

  async delete(key: string, options: { previousSeq: number }): Promise<void> {
    if (!this.#is(key, options.previousSeq)) throw new Error("revision");
    await this.#put(key, new Uint8Array(), "DEL");
  }

  status(): Promise<{ ttl: number }> {
    return Promise.resolve({ ttl: 1_200_000 });
  }
}

Deno.test("natsOnceStore() reserves each call for one server and keeps its outcome", async () => {
  await useOnceStore(new FakeKv());
});

Deno.test("natsOnceStore() knows its own reservation if the reply was lost", async () => {
  const bucket = new FakeKv();
  const store = await natsOnceStore(bucket);
  bucket.losesReplies = true;
  const reserved = await store.reserve(call("a"));
  assertEquals(reserved.state, "new");
  if (reserved.state !== "new") return;
  const outcome = Uint8Array.of(1);
  await store.settle(call("a"), reserved.fence, outcome); // took effect, was read again
  bucket.losesReplies = false;
  await store.settle(call("a"), reserved.fence, Uint8Array.of(2));
  assertEquals(await store.reserve(call("a")), { state: "done", outcome });
});

Deno.test("natsOnceStore() fails if the bucket is full, and rejects options out of range", async () => {
  const bucket = new FakeKv();
  const store = await natsOnceStore(bucket);
  bucket.isFull = true;
  await assertRejects(async () => await store.reserve(call("a")), Error, "not");
  for (
    const options of [
      ...[{ lease: 0 }, { lease: 1.5 }, { retention: 0 }, { maxOutcome: -1 }],
      ...[{ retention: 2 ** 31 }, { lease: NaN }, { retention: 600_001 }],
    ]
  ) {
    await assertRejects(() => natsOnceStore(bucket, options), RangeError);
  }
  const unknown = { lease: 1, laese: 1 };
  await assertRejects(() => natsOnceStore(bucket, unknown), TypeError);
});
