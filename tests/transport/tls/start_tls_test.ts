/** Upgrades of open connections to TLS, as SMTP and PostgreSQL make them. */
import { assertEquals, assertRejects } from "@std/assert";
import { frames, lines } from "@lengthwise/lengthwise/framing";
import {
  postgres,
  postgresStartup,
} from "@lengthwise/lengthwise/framing/presets";
import {
  connect,
  type Connection,
  listen,
  readExactly,
  startTls,
  type TlsConnection,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import { performHandshake } from "../../../lib/transport/tls/handshake.ts";
import { TlsConnectionImpl } from "../../../lib/transport/tls/tls_connection_impl.ts";
import { authority, server as certified } from "./certificates.ts";

type StartTlsOptions = Parameters<typeof startTls>[1];

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (frame: Uint8Array) => new TextDecoder().decode(frame);
const TRUST = { serverName: "localhost", caCerts: [authority.cert] };

/** Performs the server's part of the handshake. */
async function secure(connection: Connection): Promise<TlsConnection> {
  const engine = await performHandshake(connection, { server: certified }, {
    timeout: 10_000,
    timeoutError: () => new Error("no handshake"),
  });
  return new TlsConnectionImpl(engine);
}

/** An SMTP server that offers STARTTLS; returns the lines that it received. */
async function serveSmtp(connection: Connection): Promise<string[]> {
  const plain = frames(connection, lines({ newline: "crlf" }));
  await plain.send(bytes("220 mail.example ESMTP"));
  const got: string[] = [];
  for await (const line of plain) {
    got.push(text(line));
    if (text(line).startsWith("EHLO")) {
      plain.write(bytes("250-mail.example"));
      plain.write(bytes("250 STARTTLS"));
    } else {
      await plain.send(bytes("220 Ready to start TLS"));
      const { stream } = await plain.detach();
      await using tls = frames(
        await secure(stream),
        lines({ newline: "crlf" }),
      );
      for await (const secret of tls) {
        got.push(text(secret));
        await tls.send(bytes("250 OK"));
        if (text(secret) === "QUIT") return got;
      }
    }
  }
  return got;
}

/** Upgrades an SMTP client's connection. */
async function upgradeSmtp(
  connection: Connection,
  options: StartTlsOptions,
): Promise<TlsConnection> {
  const plain = frames(connection, lines({ newline: "crlf" }));
  for await (const line of plain) {
    if (text(line).startsWith("220 mail")) plain.write(bytes("EHLO me"));
    if (text(line) === "250 STARTTLS") plain.write(bytes("STARTTLS"));
    if (text(line).startsWith("220 Ready")) {
      const { rest } = await plain.detach();
      assertEquals(rest.length, 0);
      return await startTls(connection, options);
    }
  }
  throw new Error("the server has closed the connection");
}

Deno.test("startTls() upgrades an SMTP connection over TCP", async () => {
  await using listener = await listen({ port: 0 });
  const served = listener.accept().then(serveSmtp);
  const secured = await upgradeSmtp(await connect(listener.addr), TRUST);
  assertEquals(secured.peerCertificate?.subject.CN !== undefined, true);
  await using tls = frames(secured, lines({ newline: "crlf" }));
  await tls.send(bytes("MAIL FROM:<a@b>"));
  await tls.send(bytes("QUIT"));
  const replies: string[] = [];
  for await (const line of tls) {
    replies.push(text(line));
    if (replies.length === 2) break;
  }
  assertEquals(replies, ["250 OK", "250 OK"]);
  assertEquals(await served, [
    "EHLO me",
    "STARTTLS",
    "MAIL FROM:<a@b>",
    "QUIT",
  ]);
});

Deno.test("startTls() upgrades a PostgreSQL connection in memory", async () => {
  const [near, far] = memoryPair();
  const serving = (async () => {
    const plain = frames(far, postgresStartup());
    for await (const request of plain) {
      assertEquals(request.toHex(), "04d2162f"); // SSLRequest
      const { connection } = await plain.detach();
      await connection.write(bytes("S"));
      await using tls = frames(await secure(connection), postgresStartup());
      for await (const startup of tls) return startup.toHex();
    }
  })();
  const greeting = frames(near, postgresStartup());
  greeting.write(Uint8Array.fromHex("04d2162f"));
  await greeting.detach();
  const reply = new Uint8Array(1); // exactly one: more would be unencrypted
  await readExactly(near, reply);
  assertEquals(text(reply), "S");
  const secured = await startTls(near, TRUST);
  const start = frames(secured, postgresStartup());
  start.write(Uint8Array.fromHex("00030000" + "00"));
  await using session = frames((await start.detach()).stream, postgres());
  assertEquals(await serving, "0003000000");
  for await (const _ of session) throw new Error("the server sends nothing");
});

Deno.test("startTls() rejects another name, authority or protocol, and closes", async () => {
  const cases: [Partial<StartTlsOptions>, string][] = [
    [{ serverName: "other.example" }, "tls"],
    [{ caCerts: undefined }, "tls"],
  ];
  for (const [wrong, code] of cases) {
    const [near, far] = memoryPair();
    const served = secure(far).catch(() => {});
    const error = await assertRejects(
      () => startTls(near, { ...TRUST, ...wrong }),
      TransportError,
    );
    assertEquals([error.code, near.closed], [code, true]);
    await served;
    far.close();
  }
  const [near, far] = memoryPair();
  await far.write(bytes("220 hello\r\n"));
  const error = await assertRejects(
    () => startTls(near, TRUST),
    TransportError,
  );
  assertEquals([error.code, near.closed], ["protocol", true]);
  far.close();
});

Deno.test("startTls() rejects with the signal's reason and closes", async () => {
  const [near, far] = memoryPair();
  const controller = new AbortController();
  const reason = new Error("enough");
  const started = startTls(near, { ...TRUST, signal: controller.signal });
  await far.read(new Uint8Array(5)); // a TLS hello
  controller.abort(reason);
  assertEquals(await assertRejects(() => started), reason);
  assertEquals(near.closed, true);
  await assertRejects(
    () => startTls(memoryPair()[0], { serverName: "" }),
    TypeError,
    "serverName",
  );
  far.close();
});

Deno.test("startTls() limits the time of the handshake and closes", async () => {
  const { setTimeout: set } = globalThis;
  const delays = new Set<unknown>();
  globalThis.setTimeout = ((callback: () => void, delay?: number) => {
    delays.add(delay);
    return set(callback, delay === 10_000 ? 0 : delay);
    // deno-lint-ignore no-explicit-any -- only a few of the overloads are used
  }) as any;
  try {
    for (const timeout of [undefined, 1]) {
      const [near, far] = memoryPair(); // the server never answers
      const error = await assertRejects(
        () => startTls(near, { ...TRUST, timeout }),
        TransportError,
        `did not complete within ${timeout ?? 10_000} ms`,
      );
      assertEquals([error.code, near.closed], ["timeout", true]);
      far.close();
    }
    assertEquals(delays.has(10_000), true);
  } finally {
    globalThis.setTimeout = set;
  }
  for (const timeout of [-1, NaN, 2 ** 31]) {
    const [near] = memoryPair();
    await assertRejects(
      () => startTls(near, { ...TRUST, timeout }),
      RangeError,
      "'timeout' must be from 0",
    );
  }
});
