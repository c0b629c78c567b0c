#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Mutual TLS: both ends prove their identity before any message is sent, and
 * handlers identify the client by its certificate.
 *
 * @module
 */
import {
  CallError,
  type ClientInfo,
  connect,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import {
  CA,
  CLIENT_CERT,
  CLIENT_KEY,
  SERVER_CERT,
  SERVER_KEY,
} from "./certificates.ts";

const Vault = protocol({
  name: "vault",
  server: { open: unary<{ box: number }, string>() },
});

await using server = await serve(Vault, {
  port: 0,
  tls: { cert: SERVER_CERT, key: SERVER_KEY, clientCaCerts: [CA] },
}, {
  authenticate(_credentials: unknown, client: ClientInfo) {
    const name = client.peerCertificate?.subject.CN;
    if (typeof name !== "string") {
      throw new CallError(
        "A certificate with a name is required",
        { code: "unauthenticated" },
      );
    }
    return name;
  },
}).handle({
  open: ({ box }, { session }) => `box ${box} of ${session.auth}`,
});
const { port = 0 } = server.addr;
console.log("server: listening; every client must present a certificate");

{
  const tls = { caCerts: [CA], cert: CLIENT_CERT, key: CLIENT_KEY };
  await using session = await connect(Vault, { port, tls });
  console.log("alice:", await session.remote.open({ box: 7 }));
}
try {
  await connect(Vault, { port, tls: { caCerts: [CA] } });
} catch (error) {
  console.log(
    "client without a certificate:",
    error instanceof Error ? error.message : error,
  );
}
