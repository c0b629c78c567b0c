/**
 * `deno task bench [name…]`: runs the named benchmarks, or all of them.
 *
 * @module
 */
const BENCHMARKS: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  framing_decode: () => import("./framing_decode.ts"),
  framing_encode: () => import("./framing_encode.ts"),
  framing_socket: () => import("./framing_socket.ts"),
  transport: () => import("./transport_bench.ts"),
  codec: () => import("./codec_bench.ts"),
  messages_calls: () => import("./messages_calls.ts"),
  observers: () => import("./observers.ts"),
  connections: () => import("./connections.ts"),
};

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHMARKS);
const unknown = names.filter((name) => !Object.hasOwn(BENCHMARKS, name));
if (unknown.length > 0) {
  const known = Object.keys(BENCHMARKS).join(", ");
  console.error(
    `Unknown benchmark ${unknown.join(", ")}; expected one of ${known}`,
  );
  Deno.exit(1);
}
console.log(
  `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} CPUs; the last column is the ratio to the first line`,
);
for (const name of names) {
  const { run } = await BENCHMARKS[name]!();
  await run();
}
