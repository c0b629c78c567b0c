#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A first socket program: an echo server and a client, step by step as in
 * `lib/transport/README.md`.
 *
 * ```sh
 * examples/first_socket.ts                # both in one process; exits on its own
 * examples/first_socket.ts server 7000    # until Ctrl+C
 * examples/first_socket.ts client 7000    # in another terminal
 * ```
 *
 * @module
 */
import {
  connect,
  formatAddress,
  listen,
  readExactly,
  type SocketConnection,
  type SocketListener,
  writeAll,
} from "@lengthwise/lengthwise/transport";

/** Creates a socket, binds it and listens (steps 1 to 3). */
async function startServer(port: number): Promise<SocketListener> {
  const listener = await listen({ hostname: "127.0.0.1", port });
  console.log(`server: listening on ${formatAddress(listener.addr)}`);
  return listener;
}

/** Accepts clients (step 4); each gets a new socket. */
async function serve(listener: SocketListener): Promise<void> {
  for await (const connection of listener) {
    const peer = formatAddress(connection.remoteAddr);
    console.log(`server: accepted ${peer}`);
    // Not awaited, so that the next client need not wait until this client leaves.
    echo(connection).catch((error) =>
      console.error(`server: ${error.message}`)
    );
  }
  console.log("server: closed");
}

/** Echoes until the client's stream ends, then closes (steps 5 and 6). */
async function echo(connection: SocketConnection): Promise<void> {
  using socket = connection;
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await socket.read(buffer);
    if (count === null) break; // the client's half-close
    // A write may accept only part of the data; writeAll continues until all is sent.
    await writeAll(socket, buffer.subarray(0, count));
  }
  console.log(`server: echoed ${socket.bytesWritten} bytes`);
}

/** Connects, sends, half-closes, receives and closes, as a client does. */
async function runClient(port: number): Promise<void> {
  using socket = await connect({ hostname: "127.0.0.1", port });
  console.log(`client: connected from ${formatAddress(socket.localAddr)}`);

  const message = new TextEncoder().encode("Hello, socket!");
  await writeAll(socket, message);
  await socket.closeWrite(); // no more data follows; reading continues

  // TCP preserves the order of bytes but not message boundaries. The reply may
  // arrive in pieces, so the reader must know its length.
  const reply = new Uint8Array(message.length);
  await readExactly(socket, reply);
  console.log(`client: received "${new TextDecoder().decode(reply)}"`);

  const end = await socket.read(new Uint8Array(1));
  console.log(
    `client: ${
      end === null ? "the server ended its stream too" : "unexpected data"
    }`,
  );
}

async function runBoth(): Promise<void> {
  await using listener = await startServer(0);
  const serving = serve(listener);
  await runClient(listener.addr.port ?? 0);
  listener.close();
  await serving;
}

const [role, port = "7000"] = Deno.args;
if (role === "server") await serve(await startServer(Number(port)));
else if (role === "client") await runClient(Number(port));
else if (role === undefined) await runBoth();
else throw new Error(`The role must be 'server' or 'client', not '${role}'`);
