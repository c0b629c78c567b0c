#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * HTTP/1.1 by hand, with `Deno.serve` as the server. HTTP is one use of a
 * socket. Requests and responses are bytes, and rules determine where each
 * message ends (RFC 9112): the head ends at an empty line, and the body ends
 * after Content-Length bytes or at the chunk of size 0.
 *
 * The example also shows a limit of HTTP: each request gets one response, so a
 * server that has data to send must wait for a request. A socket has no such
 * rule, as the last part shows.
 *
 * @module
 */
import {
  connect,
  type Connection,
  listen,
  readExactly,
  writeAll,
} from "@lengthwise/lengthwise/transport";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MAX_LINE = 8 * 1024;

/** Reads up to the next CRLF, one byte at a time: simple, but slow. */
async function readLine(connection: Connection): Promise<string> {
  const line: number[] = [];
  const byte = new Uint8Array(1);
  while (line.length < MAX_LINE) {
    if (!await readExactly(connection, byte)) {
      throw new Error("The stream ended within a line");
    }
    line.push(byte[0] ?? 0);
    if (line.at(-2) === 13 && line.at(-1) === 10) {
      return decoder.decode(Uint8Array.from(line.slice(0, -2)));
    }
  }
  throw new Error(`Line too long: expected fewer than ${MAX_LINE} bytes`);
}

async function readBytes(
  connection: Connection,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  if (length > 0 && !await readExactly(connection, bytes)) {
    throw new Error("The stream ended within the body");
  }
  return bytes;
}

/** Reads chunks (RFC 9112, 7.1): size in hex, CRLF, bytes, CRLF. */
async function readChunks(connection: Connection): Promise<string> {
  let text = "";
  for (;;) {
    const size = parseInt(await readLine(connection), 16);
    if (Number.isNaN(size)) {
      throw new Error("Invalid chunk: it must begin with its size in hex");
    }
    const chunk = await readBytes(connection, size);
    await readLine(connection);
    if (size === 0) return text;
    text += decoder.decode(chunk, { stream: true });
  }
}

interface HttpResponse {
  status: string;
  headers: Map<string, string>;
  body: string;
}

async function readResponse(connection: Connection): Promise<HttpResponse> {
  const status = await readLine(connection);
  const headers = new Map<string, string>();
  for (;;) {
    const line = await readLine(connection);
    if (line === "") break;
    const colon = line.indexOf(":");
    headers.set(
      line.slice(0, colon).toLowerCase(),
      line.slice(colon + 1).trim(),
    );
  }
  const body = headers.get("transfer-encoding") === "chunked"
    ? await readChunks(connection)
    : decoder.decode(
      await readBytes(connection, Number(headers.get("content-length") ?? 0)),
    );
  return { status, headers, body };
}

function request(method: string, path: string, body = ""): Uint8Array {
  const bytes = encoder.encode(body).length;
  return encoder.encode(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
      `Content-Length: ${bytes}\r\n\r\n${body}`,
  );
}

/** Sends two requests on one socket, as `fetch` would. */
async function speakHttp(): Promise<void> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.text();
      const { pathname } = new URL(request.url);
      return pathname === "/stream"
        ? new Response(new Blob(["in ", "chunks"]).stream())
        : new Response(`${request.method} ${pathname}: ${body.toUpperCase()}`);
    },
  );
  using connection = await connect(server.addr);
  const requests = [
    request("GET", "/stream"),
    request("POST", "/shout", "hello by hand"),
  ];
  for (const bytes of requests) {
    await writeAll(connection, bytes);
    const { status, body } = await readResponse(connection);
    console.log(`http: ${status} | ${body}`);
  }
}

/** Uses a socket without HTTP's rule: both ends may send at any time. */
async function speakFreely(): Promise<void> {
  await using listener = await listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using connection = await listener.accept();
    await writeAll(
      connection,
      encoder.encode("server: sent without a request\r\n"),
    );
    console.log(`socket: ${await readLine(connection)}`);
  })();
  using connection = await connect(listener.addr);
  await writeAll(
    connection,
    encoder.encode("client: sent at the same time\r\n"),
  );
  console.log(`socket: ${await readLine(connection)}`);
  await serving;
}

await speakHttp();
await speakFreely();
