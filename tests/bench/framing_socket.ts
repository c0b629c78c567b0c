/**
 * Frames over a TCP socket between two processes, compared with a bare loop of
 * `Conn.read` into one buffer.
 *
 * @module
 */
import { frames, u32be } from "../../lib/framing/mod.ts";
import { compare, type Subject } from "./compare.ts";

const BATCH = 1024 * 1024;
const BUFFER = 64 * 1024;

/** Receives 64 KiB, 1 MiB and 128 B frames from another process. */
export async function run(): Promise<void> {
  for (
    const [size, name, total] of [
      [65_536, "64 KiB", 512 * BATCH],
      [BATCH, "1 MiB", 512 * BATCH],
      [128, "128 B", 128 * BATCH],
    ] as const
  ) {
    await using sender = await startSender(size, total);
    const of = (how: string, receive: Receiver): Subject =>
      subject(how, sender, receive);
    const loops = (["never", "auto", "always"] as const).map((copy) =>
      of(`lengthwise loop, copy "${copy}"`, (conn) => loop(conn, copy))
    );
    const bare = of(
      "bare loop of Conn.read, one 64 KiB buffer",
      (conn) => bareLoop(conn, BUFFER),
    );
    const receive = of("lengthwise receive(), borrowed", borrowed);
    const subjects = size === 128
      ? [of("hand-written views of Conn.read", views), receive, ...loops, bare]
      : [bare, receive, ...loops];
    if (size > BUFFER) {
      subjects.push(
        of(
          "bare loop of Conn.read, one buffer of a frame",
          (conn) => bareLoop(conn, size),
        ),
      );
    }
    await compare({
      title: `TCP, two processes, ${name} frames`,
      unit: "bytes",
      subjects,
    });
  }
}

/** Receives everything and returns the number of bytes. */
type Receiver = (connection: Deno.TcpConn) => Promise<number>;

/** Starts a process that sends `total` bytes to each client. */
interface Sender extends AsyncDisposable {
  port: number;
}

async function startSender(size: number, total: number): Promise<Sender> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net=127.0.0.1",
      import.meta.filename!,
      `${size}`,
      `${total}`,
    ],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    port: Number(new TextDecoder().decode(value)),
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

function subject(
  name: string,
  { port }: Sender,
  receive: Receiver,
): Subject {
  return {
    name,
    async run(): Promise<number> {
      using connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      return await receive(connection);
    },
  };
}

async function bareLoop(
  connection: Deno.TcpConn,
  size: number,
): Promise<number> {
  const buffer = new Uint8Array(size);
  let bytes = 0;
  for (let n; (n = await connection.read(buffer)) !== null;) bytes += n;
  return bytes;
}

async function borrowed(connection: Deno.TcpConn): Promise<number> {
  await using stream = frames(connection, u32be());
  let bytes = 0;
  await stream.receive((frame) => void (bytes += frame.length));
  return bytes;
}

async function loop(
  connection: Deno.TcpConn,
  copy: "always" | "auto" | "never",
): Promise<number> {
  await using stream = frames(connection, u32be(), { copy });
  let bytes = 0;
  for await (const frame of stream) bytes += frame.length;
  return bytes;
}

/** A hand-written loop for small frames: moves an incomplete one to the start. */
async function views(connection: Deno.TcpConn): Promise<number> {
  const buffer = new Uint8Array(BUFFER);
  const view = new DataView(buffer.buffer);
  let bytes = 0;
  let have = 0;
  for (let n; (n = await connection.read(buffer.subarray(have))) !== null;) {
    have += n;
    let at = 0;
    while (at + 4 <= have) {
      const end = at + 4 + view.getUint32(at);
      if (end > have) break;
      bytes += buffer.subarray(at + 4, end).length;
      at = end;
    }
    buffer.copyWithin(0, at, have);
    have -= at;
  }
  return bytes;
}

/** The sending process. */
async function serve(size: number, total: number): Promise<void> {
  const frame = u32be().encoder().encode(new Uint8Array(size));
  const count = Math.max(1, Math.floor(BATCH / frame.length));
  const batch = new Uint8Array(count * frame.length);
  for (let i = 0; i < count; i++) batch.set(frame, i * frame.length);
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  console.log(listener.addr.port);
  for await (using connection of listener) {
    for (let left = total; left > 0; left -= batch.length) {
      for (let at = 0; at < batch.length;) {
        at += await connection.write(batch.subarray(at));
      }
    }
  }
}

if (import.meta.main) {
  const [size, total] = Deno.args.map(Number);
  await serve(size!, total!);
}
