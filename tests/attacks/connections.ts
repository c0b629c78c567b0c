/**
 * The attacker's connections: TCP, TLS and WebSocket, without any of the
 * library's code.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Over } from "./attack.ts";

const LOOPBACK = "127.0.0.1";
/** Credit of each end of a WebSocket at the start (`lib/transport/README.md`). */
const INITIAL_CREDIT = 262_144;
/** Largest payload that a raw WebSocket puts into a message. */
const LONGEST_PAYLOAD = 60_000;

/** The opcodes of WebSocket frames (RFC 6455, section 5.2). */
export const OPCODE = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
} as const;

/** A connection of the attacker. */
export interface RawConnection {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some bytes. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the stream of bytes that are written. */
  closeWrite(): Promise<void>;
  close(): void;
}

/** Where to connect, and the authority of a TLS server. */
export interface Place {
  readonly port: number;
  readonly caCert?: string | undefined;
}

/** Connects to a server. */
export async function dial(over: Over, place: Place): Promise<RawConnection> {
  const { port, caCert } = place;
  if (over === "tls") {
    return await Deno.connectTls({
      hostname: LOOPBACK,
      port,
      caCerts: caCert === undefined ? [] : [caCert],
    });
  }
  const tcp = await Deno.connect({ hostname: LOOPBACK, port });
  tcp.setNoDelay(true);
  if (over !== "websocket") return tcp;
  const socket = new RawWebSocket(tcp);
  await socket.open();
  return socket;
}

/** Returns a request for a WebSocket. */
export function upgradeRequest(): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode([
    "GET / HTTP/1.1",
    `Host: ${LOOPBACK}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: lengthwise.bytes.v1",
    "\r\n",
  ].join("\r\n"));
}

/**
 * Returns a frame of a WebSocket client. The mask is zero.
 *
 * @param length the length that the frame states
 */
export function websocketFrame(
  opcode: number,
  payload: Uint8Array,
  { isFinal = true, length = payload.length } = {},
): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(14);
  const view = new DataView(head.buffer);
  head[0] = opcode | (isFinal ? 0x80 : 0);
  head[1] = 0xff;
  view.setBigUint64(2, BigInt(length));
  return concat([head, payload]);
}

/** A WebSocket that keeps to the credit of its peer, and grants without limit. */
class RawWebSocket implements RawConnection {
  readonly #tcp: Deno.TcpConn;
  #input: Uint8Array = new Uint8Array();
  /** Payload that has arrived and was not read. */
  #payload: Uint8Array = new Uint8Array();
  #credit = INITIAL_CREDIT;
  #granted = Promise.withResolvers<void>();

  constructor(tcp: Deno.TcpConn) {
    this.#tcp = tcp;
  }

  /** Asks the server for a WebSocket. */
  async open(): Promise<void> {
    await this.#send(upgradeRequest());
    const end = new TextEncoder().encode("\r\n\r\n");
    for (;;) {
      const at = indexOf(this.#input, end);
      if (at >= 0) {
        this.#input = this.#input.slice(at + end.length);
        break;
      }
      if (!await this.#fill()) throw new Error("The server refused");
    }
    const grant = new TextEncoder().encode(`${10 ** 14}`);
    await this.#send(websocketFrame(OPCODE.text, grant));
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#payload.length === 0) {
      if (!this.#takeFrame() && !await this.#fill()) {
        this.#granted.resolve();
        return null;
      }
    }
    const count = Math.min(into.length, this.#payload.length);
    into.set(this.#payload.subarray(0, count));
    this.#payload = this.#payload.subarray(count);
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#credit <= 0) await this.#granted.promise;
    const count = Math.min(bytes.length, this.#credit, LONGEST_PAYLOAD);
    this.#credit -= count;
    const payload = bytes.subarray(0, count);
    await this.#send(websocketFrame(OPCODE.binary, payload));
    return count;
  }

  async closeWrite(): Promise<void> {
    await this.#send(websocketFrame(OPCODE.binary, new Uint8Array()));
  }

  close(): void {
    this.#credit = Infinity;
    this.#granted.resolve();
    this.#tcp.close();
  }

  async #send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += await this.#tcp.write(bytes.subarray(at));
    }
  }

  async #fill(): Promise<boolean> {
    const chunk = new Uint8Array(65_536);
    const count = await this.#tcp.read(chunk);
    if (count === null) return false;
    this.#input = concat([this.#input, chunk.subarray(0, count)]);
    return true;
  }

  /** Handles one frame of the server, which is not masked. */
  #takeFrame(): boolean {
    const input = this.#input;
    if (input.length < 2) return false;
    const view = new DataView(input.buffer, input.byteOffset, input.length);
    let length = input[1]! & 0x7f, start = 2;
    if (length === 126) {
      start = 4;
      if (input.length < start) return false;
      length = view.getUint16(2);
    } else if (length === 127) {
      start = 10;
      if (input.length < start) return false;
      length = Number(view.getBigUint64(2));
    }
    if (input.length < start + length) return false;
    const payload = input.slice(start, start + length);
    this.#input = input.subarray(start + length);
    switch (input[0]! & 0x0f) {
      case OPCODE.text:
        this.#credit += Number(new TextDecoder().decode(payload));
        this.#granted.resolve();
        this.#granted = Promise.withResolvers();
        break;
      case OPCODE.binary:
      case OPCODE.continuation:
        this.#payload = payload;
        break;
      case OPCODE.close:
        this.#tcp.close();
    }
    return true;
  }
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}
