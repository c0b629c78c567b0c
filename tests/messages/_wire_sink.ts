/**
 * Where a session's frames go when nothing is connected to it.
 *
 * @module
 */
import type { FrameSink } from "../../lib/messages/session/writer.ts";

/** Collects whole frames, length included; all of them count as sent. */
export function sinkInto(sent: Uint8Array[]): FrameSink {
  let buffer = new Uint8Array(0);
  let framed = 0;
  return {
    begin(room) {
      buffer = new Uint8Array(room + 4096);
      return { buffer, start: 4 };
    },
    commit(end) {
      new DataView(buffer.buffer).setUint32(0, end - 4);
      sent.push(buffer.slice(0, end));
      framed += end;
    },
    abandon() {},
    unsent: 0,
    get bytesFramed() {
      return framed;
    },
    get bytesHanded() {
      return framed;
    },
  };
}
