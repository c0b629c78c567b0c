import { assertEquals } from "@std/assert";
import {
  type ClientEvent,
  ClientEvents,
} from "../../../lib/messages/client/client_events.ts";

function event(attempt: number): ClientEvent {
  return { kind: "connecting", address: "a", attempt, status: "connecting" };
}

Deno.test("a slow reader misses the oldest events", async () => {
  const events = new ClientEvents();
  const slow = events.read();
  for (let attempt = 1; attempt <= 250; attempt++) events.emit(event(attempt));
  events.end();
  const seen = await Array.fromAsync(slow);
  assertEquals([seen.length, seen[0]?.attempt], [100, 151]);
});

Deno.test("a reader that left receives nothing more; others do", async () => {
  const events = new ClientEvents();
  const left = events.read();
  const other = events.read();
  const waiting = left.next();
  await left.return?.();
  assertEquals((await waiting).done, true);
  events.emit(event(1));
  assertEquals((await left.next()).done, true);
  assertEquals((await other.next()).value?.attempt, 1);
});

Deno.test("several reads at once receive events in order, and all end", async () => {
  const events = new ClientEvents();
  const reader = events.read();
  const reads = [reader.next(), reader.next(), reader.next()];
  events.emit(event(1));
  events.emit(event(2));
  events.end();
  const results = await Promise.all(reads);
  assertEquals(results.map(({ value }) => value?.attempt), [1, 2, undefined]);
  assertEquals((await events.read().next()).done, true); // after the end
});
