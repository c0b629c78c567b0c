/**
 * A sink for the frames of a session without a connection.
 *
 * @module
 */
import type { LinkSink } from "../../../lib/messages/session/resume/resumable_sink.ts";

/** A sink whose transport may stop taking bytes. */
export interface StallingSink extends LinkSink {
  /** Stops taking frames after this many, then calls `stalled`. */
  stall(after: number, stalled: () => void): void;
  /** Takes frames again. */
  flow(): void;
}

/** Collects frames with their length; they count as sent unless stalled. */
export function sinkInto(sent: Uint8Array[]): StallingSink {
  let buffer = new Uint8Array(0);
  let framed = 0;
  let taken = Infinity; // frames until it stalls
  let onStalled = () => {};
  return {
    begin(room) {
      buffer = new Uint8Array(room + 4096);
      return { buffer, start: 4 };
    },
    commit(end) {
      new DataView(buffer.buffer).setUint32(0, end - 4);
      sent.push(buffer.slice(0, end));
      framed += end;
      if (--taken === 0) onStalled();
    },
    abandon() {},
    write(payload) {
      const { start } = this.begin(payload.length);
      buffer.set(payload, start);
      this.commit(start + payload.length);
    },
    stall(after, stalled) {
      taken = after;
      onStalled = stalled;
      if (after === 0) onStalled();
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
