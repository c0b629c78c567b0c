/**
 * Draws the picture of the guide from one trace of the traced services, as
 * Deno exports it.
 *
 * ```sh
 * deno task trace
 * ```
 *
 * @module
 */
import { startCollector } from "./collector.ts";
import { tracePicture, traceRows } from "./trace_picture.ts";
import { runTraced } from "./traced_run.ts";

await using collector = startCollector();
await runTraced(collector);
const rows = traceRows(collector.spans, "checkout");
await Deno.writeTextFile("lib/otel/trace.svg", tracePicture(rows));
console.log(`lib/otel/trace.svg: ${rows.length} spans`);
