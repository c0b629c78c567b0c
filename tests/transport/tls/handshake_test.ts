import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { performHandshake } from "../../../lib/transport/tls/handshake.ts";
import { authority, server } from "./certificates.ts";

// Alone in its file, because it needs the first handshakes of a process.
Deno.test("performHandshake() works when a second one begins while the first loads node:tls", async () => {
  const bounds = { timeout: Infinity, timeoutError: () => new Error("late") };
  const client = { host: "127.0.0.1", ca: [authority.cert] };
  const [near, far] = memoryPair();
  // A settled promise, whose callbacks run as soon as the runtime allows.
  const accepting = Promise.resolve().then(() =>
    performHandshake(far, { server }, bounds)
  );
  const engines = await Promise.all([
    performHandshake(near, { client }, bounds),
    accepting,
  ]);
  for (const engine of engines) engine.close();
});
