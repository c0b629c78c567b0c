/**
 * HAProxy sends headers of the PROXY protocol to a server.
 *
 * @module
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
import type { ConnectionInfo } from "@lengthwise/lengthwise/types";
import type { TransportError } from "@lengthwise/lengthwise/transport";
import { assert, assertEquals } from "@std/assert";
import {
  authority,
  client as clientCertificate,
  server as certificate,
} from "../../transport/tls/certificates.ts";
import { type HaproxyOptions, startHaproxy } from "./haproxy_server.ts";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});
const IDLE = 10_000;

/** A server with HAProxy before it, and what it has seen. */
async function proxied(
  options: Partial<HaproxyOptions>,
  tls?: { cert: string; key: string },
) {
  const infos: ConnectionInfo[] = [];
  const refused: TransportError[] = [];
  const server = await serve(
    Echo,
    {
      hostname: "127.0.0.1",
      port: 0,
      ...(tls && { tls: { ...tls, handshakeTimeout: 60_000 } }),
    },
    {
      limits: { handshakeTimeout: 60_000 },
      transport: {
        proxyProtocol: {
          from: ["127.0.0.0/8"],
          onRefused: (error) => void refused.push(error),
        },
      },
      onSession: ({ localAddr, remoteAddr, peerCertificate, request, proxy }) =>
        void infos.push({
          localAddr,
          remoteAddr,
          peerCertificate,
          request,
          proxy,
        }),
    },
  ).handle({ echo: (text) => text });
  const proxy = await startHaproxy({
    servers: [server.addr.port!],
    idle: IDLE,
    ...options,
  });
  return {
    port: proxy.port,
    infos,
    refused,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server.shutdown({ grace: 0 });
    },
  };
}

for (const version of [1, 2] as const) { // the literal types
  Deno.test(`a server sees the clients of HAProxy by headers of version ${version}`, async () => {
    await using fleet = await proxied({
      send: version === 1 ? "send-proxy" : "send-proxy-v2",
    });
    const { port } = fleet;
    await using session = await connect(Echo, { hostname: "127.0.0.1", port });
    assertEquals(await session.remote.echo("hello"), "hello");
    const [info] = fleet.infos;
    assertEquals(info?.remoteAddr, session.localAddr);
    assertEquals(info?.proxy?.version, version);
    assertEquals(info?.proxy?.destination?.port, port);
    assert(info?.proxy?.proxyAddr.port !== session.localAddr.port);
    assertEquals(fleet.refused, []);
  });
}

Deno.test("a server reads what HAProxy states of TLS, with a checksum and checks of its own", async () => {
  await using fleet = await proxied({
    send:
      "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,unique-id,cert-key check-send-proxy",
    tls: { certificate, clientCa: authority.cert },
  });
  const { port } = fleet;
  await using session = await connect(
    Echo,
    { hostname: "127.0.0.1", port },
    {
      transport: {
        tls: {
          caCerts: [authority.cert],
          cert: clientCertificate.cert,
          key: clientCertificate.key,
        },
      },
    },
  );
  assertEquals(await session.remote.echo("hello"), "hello");
  const [info] = fleet.infos;
  assertEquals(info?.remoteAddr, session.localAddr);
  const tls = info?.proxy?.tls;
  assertEquals([tls?.version, tls?.certificate, tls?.verified], [
    "TLSv1.3",
    true,
    true,
  ]);
  assert(typeof tls?.commonName === "string" && tls.commonName !== "");
  // The proxy's word is not a certificate.
  assertEquals(info?.peerCertificate, undefined);
  assert(info?.proxy?.uniqueId !== undefined);
  assertEquals(fleet.refused, []);
});

Deno.test("a server accepts TLS through HAProxy after the header", async () => {
  await using fleet = await proxied({ send: "send-proxy-v2" }, certificate);
  const { port } = fleet;
  await using session = await connect(
    Echo,
    { hostname: "127.0.0.1", port },
    { transport: { tls: { caCerts: [authority.cert] } } },
  );
  assertEquals(await session.remote.echo("hello"), "hello");
  assertEquals(fleet.infos[0]?.remoteAddr, session.localAddr);
});

Deno.test("1,000 clients connect through one HAProxy, and hold their sessions", async () => {
  await using fleet = await proxied({ send: "send-proxy-v2" }, certificate);
  const { port } = fleet;
  const session = () =>
    connect(Echo, { hostname: "127.0.0.1", port }, {
      transport: { tls: { caCerts: [authority.cert] } },
      limits: { handshakeTimeout: 60_000 },
    });
  const sessions = [];
  while (sessions.length < 1_000) {
    sessions.push(...await Promise.all(Array.from({ length: 200 }, session)));
  }
  const ports = new Set(fleet.infos.map(({ remoteAddr }) => remoteAddr.port));
  assertEquals(ports.size, 1_000);
  assertEquals(
    ports,
    new Set(sessions.map(({ localAddr }) => localAddr.port)),
  );
  assertEquals(fleet.refused, []);
  await Promise.all(sessions.map((session) => session.close()));
});
