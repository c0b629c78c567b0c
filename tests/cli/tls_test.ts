import { assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import {
  authority,
  server as certified,
} from "../transport/tls/certificates.ts";
import { runCli } from "./kit.ts";
import { shop } from "./shop.ts";

Deno.test("TLS: a plain client gets a hint, and --tls-ca is trusted", async () => {
  const { server } = shop();
  const listener = await listen({ port: 0, tls: certified });
  const accepting = (async () => {
    for await (const connection of listener) server.accept(connection);
  })();
  const { port } = listener.addr;
  try {
    const files = { "ca.pem": authority.cert };
    const cli = (scheme: string, ...flags: string[]) =>
      runCli(
        [...["call", `${scheme}://localhost:${port}`, "echo", "1"], ...flags],
        { connect, files },
      );
    // The limit is so long that only an answer of the server ends the command.
    const plain = await cli("tcp", "--connect-timeout", "10m");
    assertEquals(plain.code, 3);
    assertStringIncludes(plain.stderr, "TLS");
    assertStringIncludes(plain.stderr, "tls://");
    const unknown = await cli("tls");
    assertEquals(unknown.code, 3);
    assertStringIncludes(unknown.stderr, "step TLS");
    assertStringIncludes(unknown.stderr, "--tls-ca");
    const trusted = await cli("tls", "--tls-ca", "ca.pem");
    assertEquals([trusted.code, trusted.stdout], [0, "1\n"], trusted.stderr);
  } finally {
    listener.close();
    await accepting;
    await server.shutdown();
  }
});
