/**
 * A connection that records the frames of both directions, for checks of what
 * two ends have written.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { assertEquals } from "@std/assert";
import type { Connection } from "../../lib/transport/connection.ts";
import { MORE } from "../messages/raw_peer.ts";

/** A recorded frame. */
export interface TappedFrame {
  readonly kind: number;
  readonly flags: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Splits bytes into frames. */
class FrameLog {
  readonly frames: TappedFrame[] = [];
  #rest: Uint8Array = new Uint8Array();

  add(bytes: Uint8Array): void {
    let rest = concat([this.#rest, bytes]);
    for (;;) {
      const view = new DataView(rest.buffer, rest.byteOffset);
      if (rest.length < 12 || rest.length < 4 + view.getUint32(0)) break;
      const end = 4 + view.getUint32(0);
      this.frames.push({
        kind: view.getUint8(4),
        flags: view.getUint8(5),
        id: view.getUint16(6) * 2 ** 32 + view.getUint32(8),
        body: rest.slice(12, end),
      });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}

/** A connection whose frames are recorded. */
export class Tap implements Connection {
  readonly #connection: Connection;
  readonly #sent = new FrameLog();
  readonly #received = new FrameLog();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Frames that this end has sent. */
  get sent(): readonly TappedFrame[] {
    return this.#sent.frames;
  }

  /** Frames that this end has received. */
  get received(): readonly TappedFrame[] {
    return this.#received.frames;
  }

  get localAddr() {
    return this.#connection.localAddr;
  }

  get remoteAddr() {
    return this.#connection.remoteAddr;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const length = await this.#connection.read(buffer);
    this.#received.add(buffer.subarray(0, length ?? 0));
    return length;
  }

  async write(data: Uint8Array): Promise<number> {
    const length = await this.#connection.write(data);
    this.#sent.add(data.subarray(0, length));
    return length;
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Counts how often a frame follows one of another, incomplete message. */
export function alternations(
  frames: readonly TappedFrame[],
  kind: number,
): number {
  const found = frames.filter((frame) => frame.kind === kind);
  return found.filter(({ id }, index) => {
    const before = found[index - 1];
    return before !== undefined && before.id !== id &&
      (before.flags & MORE) !== 0;
  }).length;
}

/** Returns the totals of an account, and checks that they increase. */
export function totals(
  frames: readonly TappedFrame[],
  kind: number,
  account: number,
): number[] {
  const found = frames
    .filter((frame) => frame.kind === kind && frame.id === account)
    .map(({ body }) =>
      Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0))
    );
  const increasing = [...new Set(found)].sort((a, b) => a - b);
  assertEquals(found, increasing);
  return found;
}
