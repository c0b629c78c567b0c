/**
 * A peer that writes its frames by hand, from PROTOCOL.md, and can therefore
 * break every rule.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import {
  CALL_ERROR_CODES,
  PROCESSED,
  RETRY,
  SESSION_ERROR_CODES,
} from "../../lib/messages/errors/call_error.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { readExactly, writeAll } from "../../lib/transport/io.ts";

/** Numbers of the frame kinds that tests use. */
export const K = {
  HELLO: 0x01,
  GOAWAY: 0x02,
  PING: 0x03,
  ACK: 0x07,
  WINDOW: 0x05,
  REQUEST: 0x10,
  ITEM: 0x11,
  END: 0x12,
  RESULT: 0x13,
  ERROR: 0x14,
  CANCEL: 0x15,
  CREDIT: 0x16,
  NOTIFY: 0x17,
} as const;

/** A received frame. */
export interface RawFrame {
  readonly kind: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Members of a HELLO that differ from a valid one. */
export interface RawHello {
  role?: 0 | 1;
  major?: number;
  codec?: string;
  maxCalls?: number;
  streamWindow?: number;
  notifyWindow?: number;
  methods?: readonly (readonly [name: string, shape: number])[];
  features?: number;
  /** Further entries. */
  entries?: readonly (readonly [type: number, value: Uint8Array])[];
}

/** Flag of a frame that is not the last of its message. */
export const MORE = 1;

/** Flag of an ITEM that has only fields. */
export const NO_VALUE = 4;

/** The code of a GOAWAY that ends a session without a fault. */
const CLOSED = 0;

const codec = msgpack();
const text = new TextEncoder();

/** Returns the body of a message: fields, then the value. */
export function value(
  of: unknown,
  fields: Uint8Array = new Uint8Array(),
): Uint8Array {
  return concat([u16(fields.length), fields, codec.encode(of)]);
}

/** Returns the DEADLINE field: the milliseconds left for a call. */
export function deadline(ms: number): Uint8Array {
  return concat([Uint8Array.of(0x01), u16(4), u32(ms)]);
}

/** Returns the body of a REQUEST. */
export function request(method: number, input: Uint8Array): Uint8Array {
  return concat([u16(method), input]);
}

function u16(of: number): Uint8Array {
  return Uint8Array.of(of >> 8, of & 255);
}

function u32(of: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, of);
  return bytes;
}

/** A peer that sends handwritten frames. */
export class RawPeer implements AsyncDisposable {
  readonly connection: Connection;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Sends arbitrary bytes. */
  async send(bytes: Uint8Array): Promise<void> {
    await writeAll(this.connection, bytes);
  }

  /** Sends one frame. */
  async frame(
    kind: number,
    id: number,
    body: Uint8Array = new Uint8Array(),
    flags = 0,
  ): Promise<void> {
    await this.send(
      concat([
        u32(8 + body.length),
        Uint8Array.of(kind, flags),
        u16(0),
        u32(id),
        body,
      ]),
    );
  }

  /** Sends a HELLO. */
  async hello(hello: RawHello = {}): Promise<void> {
    const {
      role = 0,
      major = 1,
      codec = "msgpack",
      maxCalls = 1024,
      streamWindow = 32_768,
      notifyWindow = 1 << 20,
      methods = [],
      features = 0,
      entries = [],
    } = hello;
    const list = concat(methods.map(([name, shape]) =>
      concat([
        Uint8Array.of(shape),
        u32(0),
        Uint8Array.of(name.length),
        text.encode(name),
      ])
    ));
    await this.frame(
      K.HELLO,
      0,
      concat([
        text.encode("LWP1"),
        Uint8Array.of(major, 0, role, 0),
        ...[
          ...[
            features,
            131_072,
            4_194_304,
            maxCalls,
            streamWindow,
            1 << 30,
            15_000,
          ],
          ...[0, notifyWindow, 1 << 22, 1 << 23], // hash, …, itemsWindow, maxAssembly
        ].map(u32),
        entry(0x01, text.encode("raw")),
        entry(0x02, text.encode(codec)),
        entry(0x03, list),
        ...entries.map(([type, value]) => entry(type, value)),
      ]),
    );
  }

  /** Reads the next frame. */
  async next(): Promise<RawFrame> {
    const head = await this.#read(12);
    const view = new DataView(head.buffer);
    return {
      kind: view.getUint8(4),
      id: view.getUint32(8),
      body: await this.#read(view.getUint32(0) - 8),
    };
  }

  async #read(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    await readExactly(this.connection, bytes);
    return bytes;
  }

  /** Reads the next frame of a kind and skips others. */
  async until(kind: number): Promise<RawFrame> {
    for (;;) {
      const frame = await this.next();
      if (frame.kind === kind) return frame;
    }
  }

  /** Reads the next ERROR. */
  async error() {
    const { body } = await this.until(K.ERROR);
    return {
      code: CALL_ERROR_CODES[body[0] ?? 99],
      processed: PROCESSED[body[1] ?? 99],
      retry: RETRY[body[2] ?? 99],
    };
  }

  /** Reads the GOAWAY with which the library closes the connection. */
  async goaway() {
    for (;;) {
      const { body } = await this.until(K.GOAWAY);
      if (body[0] !== CLOSED) {
        return { code: SESSION_ERROR_CODES[body[0] ?? 99] };
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    return Promise.resolve();
  }
}

function entry(type: number, content: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type), u16(content.length), content]);
}
