/**
 * Servers over Deno's TLS: the listeners are opened by hand, and this library's
 * server adopts the connections of one of them.
 *
 * @module
 */
import { createServer } from "../../../mod.ts";
import { authority, server } from "../../transport/tls/certificates.ts";
import { Bare } from "./bare.ts";
import { Bench } from "./bench_protocol.ts";
import { handlers } from "./servers.ts";

/** Listens, and returns the port. */
function listen(use: (conn: Deno.TlsConn) => void): number {
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    ...server,
  });
  (async () => {
    for await (const conn of listener) use(conn);
  })();
  return listener.addr.port;
}

const ours = createServer(Bench).handle(handlers());
const ports = {
  lengthwise: listen((conn) => void ours.accept(conn)),
  echo: listen((conn) => {
    const bare = new Bare(conn);
    bare.receive((value) => bare.send(value)).then(() => conn.close());
  }),
};
console.log(JSON.stringify({ ports, caCerts: [authority.cert] }));
