/**
 * Connects to every URL in its arguments, sends three bytes to each, and waits
 * to be killed.
 *
 * @module
 */
import { connect, writeAll } from "@lengthwise/lengthwise/transport";

const [authority = "", ...urls] = Deno.args;
for (const url of urls) {
  const connection = await connect(
    url,
    /^tls/.test(url) ? { tls: { caCerts: [authority] } } : {},
  );
  await writeAll(connection, new Uint8Array(3));
  void connection.read(new Uint8Array(1));
}
