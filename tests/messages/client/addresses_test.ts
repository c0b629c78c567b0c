/**
 * `serve()` and `connect()` with every form of every address: clients connect by
 * an address object, by its URL as a string or as a `URL`, and by the address that
 * the server reports.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { type Address, formatAddress } from "../../../lib/transport/address.ts";
import type {
  ConnectAddress,
  ConnectOptions,
} from "../../../lib/transport/connect.ts";
import type { SocketAddress } from "../../../lib/transport/connection.ts";
import type { ListenOptions } from "../../../lib/transport/listen.ts";
import type { TlsClientOptions } from "../../../lib/transport/tls/tls_connection.ts";
import type { TlsServerOptions } from "../../../lib/transport/tls/tls_listener.ts";
import {
  authority,
  server as certified,
} from "../../transport/tls/certificates.ts";
import { all } from "../kit.ts";

const Echo = protocol({
  name: "echo",
  server: {
    echo: unary<string, string>(),
    count: serverStream<number, number>(),
  },
  client: { heard: notification<string>() },
});

/** A kind of address, in its forms for listening and for connecting. */
interface Kind {
  readonly name: string;
  /** Operating system that supports it. @default all */
  readonly only?: typeof Deno.build.os;
  /** Address objects to listen on; the URL forms are derived from them. */
  readonly listens: Address<TlsServerOptions>;
  /** Returns the address object to connect to. */
  dials(addr: SocketAddress): Address<TlsClientOptions>;
  /** Options for the URL forms, which cannot contain them. */
  readonly server?: Omit<ListenOptions, "signal">;
  readonly client?: Omit<ConnectOptions, "signal">;
}

const trusted = { caCerts: [authority.cert] };
const trustedByName = { ...trusted, serverName: "localhost" };
const overTls = { server: { tls: certified }, client: { tls: trusted } };

/** Unix sockets are created in their own directory. */
function kinds(directory: string): readonly Kind[] {
  const path = `${directory}/socket with spaces`;
  const abstract = `\0lengthwise-${crypto.randomUUID()}`;
  return [
    {
      name: "TCP",
      listens: { port: 0 },
      dials: ({ port = 0 }) => ({ port }),
    },
    {
      name: "TCP by host name",
      listens: { hostname: "localhost", port: 0 },
      dials: ({ port = 0 }) => ({ hostname: "localhost", port }),
    },
    {
      name: "TLS",
      listens: { port: 0, tls: certified },
      dials: ({ port = 0 }) => ({ port, tls: trusted }),
      ...overTls,
    },
    { name: "Unix", listens: { path }, dials: () => ({ path }) },
    {
      name: "Unix, abstract",
      only: "linux",
      listens: { path: abstract },
      dials: () => ({ path: abstract }),
    },
    {
      name: "TLS over Unix",
      listens: { path, tls: certified },
      dials: () => ({ path, tls: trustedByName }),
      server: { tls: certified },
      client: { tls: trustedByName },
    },
    {
      name: "memory",
      listens: { memory: "addresses test" },
      dials: () => ({ memory: "addresses test" }),
    },
  ];
}

/** The three forms of an address object. */
function formsOf<Tls>(address: Address<Tls>): (Address<Tls> | string | URL)[] {
  const text = formatAddress(address);
  return [address, text, new URL(text)];
}

/** Whether an address has options for TLS, which may not be given twice. */
function hasTls(address: unknown): boolean {
  return typeof address === "object" && address !== null && "tls" in address;
}

async function talks(
  address: ConnectAddress | readonly ConnectAddress[],
  kind: Kind,
): Promise<void> {
  const heard = Promise.withResolvers<string>();
  await using session = await connect(Echo, address, {
    handlers: { heard: heard.resolve },
    ...(kind.client === undefined || hasTls(address)
      ? {}
      : { transport: kind.client }),
  });
  assertEquals(await session.remote.echo("hi"), "hi");
  assertEquals(await heard.promise, "hi");
  assertEquals(await all(session.remote.count(3)), [0, 1, 2]);
  const encrypted = kind.client?.tls !== undefined;
  assertEquals(session.peerCertificate !== undefined, encrypted);
}

async function servesAndConnects(kind: Kind): Promise<void> {
  for (const listens of formsOf(kind.listens)) {
    const told: SocketAddress[] = [];
    await using server = await serve(
      Echo,
      listens,
      {
        onListen: (addr) => void told.push(addr),
        ...(kind.server === undefined || hasTls(listens)
          ? {}
          : { transport: kind.server }),
      },
    ).handle({
      echo: async (text, { session }) => {
        await session.remote.heard(text);
        return text;
      },
      async *count(upTo) {
        for (let each = 0; each < upTo; each++) yield each;
      },
    });
    assertEquals(told, [server.addr]);
    const forms = [...formsOf(kind.dials(server.addr)), server.addr];
    for (const dials of forms) await talks(dials, kind);
    await talks(forms.filter((form) => !hasTls(form)).reverse(), kind);
  }
}

async function inDirectory(
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Only their names: each test has its own addresses. */
for (const { name, only } of kinds("")) {
  Deno.test({
    name: `serve() and connect() on every form of an address of ${name}`,
    ignore: only !== undefined && only !== Deno.build.os,
    fn: () =>
      inDirectory(async (directory) => {
        const kind = kinds(directory).find((each) => each.name === name);
        assert(kind !== undefined);
        await servesAndConnects(kind);
      }),
  });
}
