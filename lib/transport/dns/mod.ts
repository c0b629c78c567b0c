/**
 * Addresses of a host name that are looked up again and again.
 *
 * `createClient()` takes the function that {@linkcode dns} returns instead of a
 * list of addresses. It then follows the servers of a headless service, or of any
 * name with several addresses: it opens sessions at new addresses when it needs
 * some, and drains the session at an address that is gone.
 *
 * "Connections come and go" of [Messages](/lib/messages/README.md) explains how
 * clients choose among addresses.
 *
 * @example Connect to all servers of a name
 * ```ts
 * import { createClient, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { dns } from "@lengthwise/lengthwise/dns";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = await serve(Echo, { port: 0 }).handle({ echo: (text) => text });
 *
 * const { port = 0 } = server.addr;
 * await using client = createClient(Echo, dns("localhost", { port, family: 4 }));
 * assertEquals(await client.remote.echo("hello"), "hello");
 * ```
 *
 * @module
 */
export { dns, type DnsOptions } from "./dns.ts";
