/**
 * The authorities that a TLS client trusts: the runtime's and its own, or its own
 * only; the same over WebSockets.
 *
 * @module
 */
import {
  connect,
  listen,
  type TlsClientOptions,
  TransportError,
  upgradeWebSocket,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";
import {
  Authority,
  authority,
  client as alice,
  LOOPBACK,
  server,
} from "./certificates.ts";
import { assertCode, listenLoopback } from "./tls_pair.ts";

/** Runs the program with one authority in its store; returns each outcome. */
async function outcomes(
  store: string,
  cases: readonly { url: string; tls: TlsClientOptions }[],
): Promise<string[]> {
  const pem = await Deno.makeTempFile({ suffix: ".pem" });
  await Deno.writeTextFile(pem, store);
  const program = new URL("programs/trust.ts", import.meta.url);
  const config = new URL("../../../deno.json", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--no-check", "--allow-net=127.0.0.1"],
      ...["--config", config.pathname, "--cert", pem, program.pathname],
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await new Blob([JSON.stringify(cases)]).stream().pipeTo(child.stdin);
  const { stdout } = await child.output();
  await Deno.remove(pem);
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("connect() trusts 'caCerts' and the runtime's authorities, or 'caCerts' only", async () => {
  const ofRuntime = await Authority.create("CN=In the store");
  const unknown = await Authority.create("CN=Unknown");
  const certificate = await ofRuntime.issue({
    subject: "CN=localhost",
    names: LOOPBACK,
  });
  const serve = async (tls: typeof server) => {
    const listener = await listen({ port: 0, tls });
    const serving = (async () => {
      for await (using _connection of listener);
    })();
    const url = `tls://127.0.0.1:${listener.addr.port}`;
    return { listener, serving, url };
  };
  const [known, own] = await Promise.all([serve(certificate), serve(server)]);
  const web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...certificate },
    (request) => {
      const { response, connection } = upgradeWebSocket(request);
      connection.close();
      return response;
    },
  );
  const wss = `wss://127.0.0.1:${web.addr.port}/`;
  const caCerts = [authority.cert];
  const alone = { caCerts, defaultCaCerts: false };
  assertEquals(
    await outcomes(ofRuntime.cert, [
      { url: known.url, tls: {} },
      { url: own.url, tls: {} },
      { url: known.url, tls: { caCerts } },
      { url: own.url, tls: { caCerts } },
      { url: known.url, tls: alone },
      { url: own.url, tls: alone },
      { url: own.url, tls: { caCerts: [unknown.cert] } },
      { url: wss, tls: { caCerts } },
    ]),
    ["ok", "tls", "ok", "ok", "tls", "ok", "tls", "ok"],
  );
  for (const { listener, serving } of [known, own]) {
    listener.close();
    await serving;
  }
  await web.shutdown();
});

Deno.test("connectTls() rejects an empty set of authorities", async () => {
  await using listener = await listenLoopback();
  const { addr: { port = 0 } } = listener;
  for (const given of [{}, { caCerts: [] }]) {
    await assertCode(
      connect({ port, tls: { ...given, defaultCaCerts: false } }),
      "tls",
      "'caCerts' is empty",
    );
  }
});

Deno.test("listen() rejects mutual TLS without an authority", async () => {
  await assertCode(
    listenLoopback({ clientCaCerts: [] }),
    "tls",
    "'clientCaCerts' is empty",
  );
});

Deno.test("connect() to 'wss:' rejects TLS options that WebSockets do not support", async () => {
  const cases: readonly TlsClientOptions[] = [
    { serverName: "shop.example" },
    { alpnProtocols: ["http/1.1"] },
    { caCerts: [authority.cert], defaultCaCerts: false },
  ];
  for (const tls of cases) {
    const error = await assertRejects(
      () => connect("wss://127.0.0.1:1/", { tls }),
      TransportError,
      "Deno's WebSockets do not support it",
    );
    assertEquals(error.code, "unsupported");
  }
  await assertCode(
    connect("wss://127.0.0.1:1/", { tls: { cert: alice.cert } }),
    "tls",
    "one of them is missing",
  );
});

Deno.test("connect() to 'wss:' presents its certificate", async () => {
  const errors: string[] = [];
  const reported = Promise.withResolvers<void>();
  await using listener = await listenLoopback({
    clientCaCerts: [authority.cert],
    onHandshakeError: ({ message }) => {
      errors.push(message);
      reported.resolve();
    },
  });
  const caCerts = [authority.cert];
  const url = `wss://127.0.0.1:${listener.addr.port}/`;
  await assertRejects(() => connect(url, { tls: { caCerts } }));
  await reported.promise;
  assertEquals(errors[0]?.includes("presented no certificate"), true);

  const connecting = assertRejects(
    () => connect(url, { tls: { caCerts, ...alice } }),
    TransportError,
  );
  using accepted = await listener.accept();
  assertEquals(accepted.peerCertificate?.subject.CN, "alice");
  accepted.close(); // the test server does not speak HTTP
  await connecting;
});
