#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A first socket program: an echo server and a client, step by step as in
 * `lib/transport/README.md`.
 *
 * ```sh
 * examples/first_socket.ts                # both in one process, and ends
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

/** Steps 1 to 3 of a server: create a socket, bind it to an address, listen. */
async function startServer(port: number): Promise<SocketListener> {
  const listener = await listen({ hostname: "127.0.0.1", port });
  console.log(`server: listening on ${formatAddress(listener.addr)}`);
  return listener;
}

/** Step 4: accept. Each client gets a new socket; the listening one goes on. */
async function serve(listener: SocketListener): Promise<void> {
  for await (const connection of listener) {
    const peer = formatAddress(connection.remoteAddr);
    console.log(`server: accepted ${peer}`);
    // Not awaited: the next client need not wait for this one to leave.
    echo(connection).catch((error) =>
      console.error(`server: ${error.message}`)
    );
  }
  console.log("server: closed");
}

/** Steps 5 and 6: receive and send until the client ends its stream; close. */
async function echo(connection: SocketConnection): Promise<void> {
  using socket = connection;
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await socket.read(buffer);
    if (count === null) break; // the client's half-close
    // A write may take less than all of it: writeAll goes on until it is done.
    await writeAll(socket, buffer.subarray(0, count));
  }
  console.log(`server: echoed ${socket.bytesWritten} bytes`);
}

/** The life of a client: create and connect, send, half-close, receive, close. */
async function runClient(port: number): Promise<void> {
  using socket = await connect({ hostname: "127.0.0.1", port });
  console.log(`client: connected from ${formatAddress(socket.localAddr)}`);

  const message = new TextEncoder().encode("Hello, socket!");
  await writeAll(socket, message);
  await socket.closeWrite(); // "that was all"; reading goes on

  // TCP keeps bytes in order and keeps no boundaries: the answer may come in
  // pieces, so the reader must know how long it is.
  const answer = new Uint8Array(message.length);
  await readExactly(socket, answer);
  console.log(`client: received "${new TextDecoder().decode(answer)}"`);

  const end = await socket.read(new Uint8Array(1));
  console.log(`client: ${end === null ? "the server ended too" : "more?"}`);
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
