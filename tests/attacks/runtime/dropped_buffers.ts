/**
 * Shows the memory that the engine takes for buffers that are dropped at once.
 *
 * ```sh
 * deno run tests/attacks/runtime/dropped_buffers.ts 4000
 * ```
 *
 * A timer each creates a buffer of 1 MB that nothing keeps. V8 collects after 64
 * MB, but threads of their own free the buffers: 1,000 took 80 MiB on any machine,
 * 4,000 took 130 MiB on an idle one and 220 to 430 MiB on a busy one. With the
 * flag `--v8-flags=--single-threaded-gc`, it was always 119 MiB.
 *
 * @module
 */
const count = Number(Deno.args[0] ?? 4000);
const { rss } = Deno.memoryUsage();
let most = 0;

async function createLater(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
  new Uint8Array(1_000_000).fill(1);
  most = Math.max(most, Deno.memoryUsage().rss - rss);
}

await Promise.all(Array.from({ length: count }, createLater));
console.log(`${count} buffers of 1 MB took ${most >> 20} MiB`);
