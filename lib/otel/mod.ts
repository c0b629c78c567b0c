/**
 * Traces and metrics of sessions and calls, through the OpenTelemetry API.
 *
 * {@linkcode otel} returns an observer for the option `observers` of `serve()`,
 * `createServer()`, `connect()` and `createClient()`. With `OTEL_DENO=true`,
 * Deno exports what it reports. The names follow the OpenTelemetry semantic
 * conventions for RPC.
 *
 * @example Metrics and traces of a server
 * ```ts
 * import { protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { otel } from "@lengthwise/lengthwise/otel";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }, { observers: [otel()] })
 *   .handle({ echo: (text) => text });
 * ```
 *
 * The [guide](/lib/otel/README.md) lists the metrics, spans and attributes.
 *
 * @module
 */
export { otel } from "./otel.ts";
export type { OtelOptions } from "./otel_options.ts";
