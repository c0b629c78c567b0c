/**
 * The command line: calls, streams, benchmarks and captures without a program.
 *
 * @example List the methods of a server, and call one
 * ```sh
 * deno run --allow-net=localhost:7000 jsr:@lengthwise/lengthwise/cli ls tcp://localhost:7000
 * deno run --allow-net=localhost:7000 jsr:@lengthwise/lengthwise/cli call tcp://localhost:7000 price '{"sku":"tea"}'
 * ```
 *
 * `--help` lists the commands and the exit codes; the
 * [guide](/lib/cli/README.md) explains them. The module also runs in your own
 * program: {@linkcode run} takes the arguments, and an {@linkcode Io} for the
 * streams, files and sockets.
 *
 * @module
 */
export { run } from "./run.ts";
export type { FileOutput, Io, ListenTls, OutputStream } from "./io.ts";

if (import.meta.main) {
  const { runProcess } = await import("./process.ts");
  await runProcess();
}
