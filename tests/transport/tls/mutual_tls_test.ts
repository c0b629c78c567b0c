import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkTransport } from "../../../lib/testing/check_transport.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import type { TlsClientOptions } from "../../../lib/transport/tls/tls_connection.ts";
import type { TlsListener } from "../../../lib/transport/tls/tls_listener.ts";
import {
  Authority,
  authority,
  client as alice,
  server,
} from "./certificates.ts";
import { assertServes, dial, listenLoopback, pair } from "./tls_pair.ts";

const mutual = { clientCaCerts: [authority.cert] };

/** Connects as a client that must be rejected; returns the errors of both ends. */
async function refused(
  listener: TlsListener,
  identity: TlsClientOptions,
  failed: Promise<TransportError>,
): Promise<[server: TransportError, client: TransportError]> {
  // In TLS 1.3 the client completes first: its first read reports the rejection.
  const error = await assertRejects(async () => {
    using connection = await dial(listener, identity);
    await connection.read(new Uint8Array(8));
  }, TransportError);
  return [await failed, error];
}

Deno.test("checkTransport() passes mutual TLS", async (t) => {
  await using listener = await listenLoopback(mutual);
  await checkTransport(() => pair(listener, alice), {
    step: (name, check) => t.step(name, check),
  });
});

Deno.test("listenTls() rejects clients that do not prove their identity", async (t) => {
  const unknown = await Authority.create("CN=Unknown");
  // The same name as the real one: only the signature differs.
  const impostor = await Authority.create("CN=Test authority");
  const cases: Record<string, TlsClientOptions> = {
    "no certificate": {},
    "an unknown authority": await unknown.issue({ subject: "CN=alice" }),
    "a forged authority": await impostor.issue({ subject: "CN=alice" }),
    "an expired certificate": await authority.issue({
      subject: "CN=alice",
      expires: -1,
    }),
  };
  let told: (error: TransportError) => void = () => {};
  await using listener = await listenLoopback({
    ...mutual,
    onHandshakeError: (error) => told(error),
  });
  for (const [name, identity] of Object.entries(cases)) {
    await t.step(name, async () => {
      const failed = new Promise<TransportError>((resolve) => told = resolve);
      const [server, client] = await refused(listener, identity, failed);
      assertEquals(server.code, "tls", server.message);
      // Deno sends an alert in the first case only; otherwise it just closes.
      assert(["tls", "truncated"].includes(client.code), client.message);
      await assertServes(listener, alice);
    });
  }
});

Deno.test("TlsConnection.peerCertificate identifies the client", async () => {
  const bob = await authority.issue({
    subject: "CN=bob, OU=one, OU=two",
    names: [
      { type: "dns", value: "bob.example" },
      // As text this looks like two names, which would deceive a parser.
      { type: "dns", value: "x, DNS:admin.example" },
      { type: "url", value: "spiffe://shop/bob" },
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "2001:db8::1" },
      { type: "email", value: "bob@shop.example" },
    ],
  });
  await using listener = await listenLoopback(mutual);
  const [client, accepted] = await pair(listener, bob);
  const { peerCertificate } = accepted;
  assert(peerCertificate !== null);
  assertEquals(peerCertificate.subject, { CN: "bob", OU: ["one", "two"] });
  assertEquals(peerCertificate.issuer, { CN: "Test authority" });
  assertEquals(peerCertificate.subjectAltNames, [
    { type: "dns", value: "bob.example" },
    { type: "dns", value: "x, DNS:admin.example" },
    { type: "uri", value: "spiffe://shop/bob" },
    { type: "ip", value: "127.0.0.1" },
    { type: "ip", value: "2001:db8:0:0:0:0:0:1" },
    { type: "email", value: "bob@shop.example" },
  ]);
  const now = new Date();
  assert(peerCertificate.validFrom < now && now < peerCertificate.validTo);
  const hash = await crypto.subtle.digest(
    "SHA-256",
    new Uint8Array(peerCertificate.raw),
  );
  const hex = Array.from(
    new Uint8Array(hash),
    (byte) => byte.toString(16).padStart(2, "0").toUpperCase(),
  );
  assertEquals(peerCertificate.fingerprint256, hex.join(":"));
  assertEquals(client.peerCertificate?.subject, { CN: "localhost" });
  client.close();
  accepted.close();
});

Deno.test("TlsListener.reload() replaces the authority of the clients", async () => {
  const next = await Authority.create("CN=Next authority");
  const carol = await next.issue({ subject: "CN=carol" });
  let told: (error: TransportError) => void = () => {};
  const failed = new Promise<TransportError>((resolve) => told = resolve);
  await using listener = await listenLoopback({
    ...mutual,
    onHandshakeError: (error) => told(error),
  });
  await assertServes(listener, alice);
  await listener.reload({ ...server, clientCaCerts: [next.cert] });
  await refused(listener, alice, failed);
  await assertServes(listener, carol);
});
