/**
 * Where a session's frames go when nothing is connected to it.
 *
 * @module
 */
import type { FrameSink } from "../../../lib/messages/session/flow/frame_writer.ts";

/** A sink whose transport may stop taking bytes. */
export interface StallingSink extends FrameSink {
  /** After so many frames the transport takes no more, and says so. */
  stall(after: number, stalled: () => void): void;
  /** It takes them again. */
  flow(): void;
}

/** Collects whole frames, length included; all of them count as sent while nothing stalls. */
export function sinkInto(sent: Uint8Array[]): StallingSink {
  let buffer = new Uint8Array(0);
  let framed = 0;
  let taken = Infinity; // frames until it stalls
  let tell = () => {};
  return {
    begin(room) {
      buffer = new Uint8Array(room + 4096);
      return { buffer, start: 4 };
    },
    commit(end) {
      new DataView(buffer.buffer).setUint32(0, end - 4);
      sent.push(buffer.slice(0, end));
      framed += end;
      if (--taken === 0) tell();
    },
    abandon() {},
    stall(after, stalled) {
      taken = after;
      tell = stalled;
      if (after === 0) tell();
    },
    flow() {
      taken = Infinity;
    },
    get unsent() {
      return taken <= 0 ? 1 : 0;
    },
    get bytesFramed() {
      return framed;
    },
    get bytesHanded() {
      return framed;
    },
  };
}
