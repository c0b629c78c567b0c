/**
 * `ref()` and `unref()` of every kind of connection and listener reach the socket.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";
import { authority, server } from "./tls/certificates.ts";

/** Records the calls of `ref()` and `unref()` of a socket. */
function recorded<T extends { ref(): void; unref(): void }>(
  socket: T,
  calls: string[],
): T {
  const [ref, unref] = [socket.ref, socket.unref];
  return Object.assign(socket, {
    ref() {
      calls.push("ref");
      ref.call(socket);
    },
    unref() {
      calls.push("unref");
      unref.call(socket);
    },
  });
}

const tcp = { hostname: "127.0.0.1", port: 0 };
const unix = { path: "" }; // in a folder of its own
const certificate = { tls: { cert: server.cert, key: server.key } };
const KINDS = {
  TCP: [tcp, {}],
  Unix: [unix, {}],
  TLS: [tcp, certificate],
  "TLS on a Unix socket": [unix, certificate],
} as const;

for (const [kind, [address, options]] of Object.entries(KINDS)) {
  Deno.test(`ref() and unref() of ${kind} reach the sockets`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "ref_" });
    const place = "path" in address ? { path: `${folder}/socket` } : address;
    const real = { listen: Deno.listen, connect: Deno.connect };
    const ofListener: string[] = [];
    const ofConnection: string[] = [];
    Object.assign(Deno, {
      listen: (options: Deno.TcpListenOptions) =>
        recorded(real.listen(options), ofListener),
      connect: async (options: Deno.ConnectOptions) =>
        recorded(await real.connect(options), ofConnection),
    });
    try {
      using listener = await listen(place, options);
      const accepted = listener.accept();
      using connection = await connect(listener.addr, {
        ...("tls" in options && {
          tls: { caCerts: [authority.cert], serverName: "localhost" },
        }),
      });
      using _server = await accepted;
      ofConnection.length = 0;
      ofListener.length = 0;
      for (const one of [listener, connection]) {
        one.unref?.();
        one.ref?.();
      }
    } finally {
      Object.assign(Deno, real);
      await Deno.remove(folder, { recursive: true });
    }
    assertEquals([ofListener, ofConnection], [["unref", "ref"], [
      "unref",
      "ref",
    ]]);
  });
}
