/**
 * Prints the frames of a connection and passes them on unchanged.
 *
 * @module
 */
import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
import type { Connection } from "@lengthwise/lengthwise/transport";

/** Names of the kinds of frames (PROTOCOL.md). */
const KINDS: Readonly<Record<number, string>> = {
  0x01: "HELLO",
  0x02: "GOAWAY",
  0x03: "PING",
  0x04: "PONG",
  0x05: "WINDOW",
  0x06: "AUTH",
  0x10: "REQUEST",
  0x11: "ITEM",
  0x12: "END",
  0x13: "RESULT",
  0x14: "ERROR",
  0x15: "CANCEL",
  0x16: "CREDIT",
  0x17: "NOTIFY",
};

/** Maximum number of bytes of a body to print. */
const SHOWN = 24;

/** Wraps a connection so that its frames are printed. */
export function tap(connection: Connection): Connection {
  const sent = printer("──▶");
  const received = printer("◀──");
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    async read(buffer) {
      const count = await connection.read(buffer);
      if (count !== null) received(buffer.subarray(0, count));
      return count;
    },
    async write(data) {
      const count = await connection.write(data);
      sent(data.subarray(0, count));
      return count;
    },
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

function printer(arrow: string): (bytes: Uint8Array) => void {
  const decoder = lengthPrefixed({ width: 4 }).decoder();
  return (bytes) => {
    decoder.push(bytes);
    for (let frame; (frame = decoder.next()) !== undefined;) {
      console.log(`framing    ${arrow} ${describe(frame)}`);
    }
  };
}

function describe(frame: Uint8Array): string {
  const prefix = new Uint8Array(4);
  new DataView(prefix.buffer).setUint32(0, frame.length);
  const body = frame.subarray(8);
  const more = body.length > SHOWN ? ` … (${body.length} bytes)` : "";
  const name = KINDS[frame[0] ?? 0] ?? "?";
  return `${name.padEnd(7)} ${hex(prefix)} [ ${hex(frame.subarray(0, 2))}  ${
    hex(frame.subarray(2, 8))
  } ] ${hex(body.subarray(0, SHOWN))}${more}`;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
