#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A custom framing: u16 length, payload, CRC-32. It wraps a length-prefixed
 * framing, adds the checksum, passes the layer's compliance suite, and then
 * carries frames over a socket.
 *
 * ```text
 *  ├────────┼───────────────┼──────────┤
 *  │ u16 BE │ payload …     │ u32 CRC  │
 * ```
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import {
  FrameError,
  frames,
  type Framing,
  lengthPrefixed,
} from "@lengthwise/lengthwise/framing";
import { connect, listen } from "@lengthwise/lengthwise/transport";

const CRC = 4;

/** Returns a framing whose payloads are followed by their CRC-32. */
function checksummed({ maxFrameLength = 65_531 } = {}): Framing {
  const inner = lengthPrefixed({
    width: 2,
    minFrameLength: CRC,
    maxFrameLength: maxFrameLength + CRC,
  });
  return {
    maxFrameLength,
    encoder() {
      const encoder = inner.encoder();
      return {
        encode: (payload) => encoder.encode(seal(payload)),
        maxEncodedLength: (length) => encoder.maxEncodedLength(length + CRC),
        encodeInto: (payload, target, offset) =>
          encoder.encodeInto(seal(payload), target, offset),
        get maxFrameLength() {
          return encoder.maxFrameLength - CRC;
        },
        set maxFrameLength(limit) {
          encoder.maxFrameLength = limit + CRC;
        },
      };
    },
    decoder() {
      const decoder = inner.decoder();
      let broken: FrameError | undefined;
      return {
        push: (chunk) => decoder.push(chunk),
        next() {
          if (broken !== undefined) throw broken;
          const frame = decoder.next();
          if (frame === undefined) return undefined;
          const payload = frame.subarray(0, -CRC);
          if (checksum(payload) === viewOf(frame).getUint32(payload.length)) {
            return payload;
          }
          throw broken = new FrameError(
            "Cannot decode a frame: its checksum is wrong",
            { code: "bad-payload" },
          );
        },
        end() {
          if (broken !== undefined) throw broken;
          decoder.end();
        },
        rest: () => decoder.rest(),
        get pending() {
          return decoder.pending;
        },
        get held() {
          return decoder.held;
        },
        get skipped() {
          return decoder.skipped;
        },
        get maxFrameLength() {
          return decoder.maxFrameLength - CRC;
        },
        set maxFrameLength(limit) {
          decoder.maxFrameLength = limit + CRC;
        },
      };
    },
  };
}

function seal(payload: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(payload.length + CRC);
  sealed.set(payload);
  viewOf(sealed).setUint32(payload.length, checksum(payload));
  return sealed;
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

checkFraming(checksummed, [
  Uint8Array.of(1, 2, 3),
  new Uint8Array(0),
  new Uint8Array(200).fill(7),
]);
console.log("the framing passes the compliance suite");

await using listener = await listen({ port: 0 });
const serving = (async () => {
  await using stream = frames(await listener.accept(), checksummed());
  for await (const frame of stream) await stream.send(frame);
})();
{
  await using stream = frames(await connect(listener.addr), checksummed());
  await stream.send(new TextEncoder().encode("across the wire, checked"));
  await stream.closeWrite();
  for await (const frame of stream) {
    console.log(new TextDecoder().decode(frame));
  }
}
await serving;

const decoder = checksummed().decoder();
const damaged = checksummed().encoder().encode(Uint8Array.of(1, 2, 3));
damaged[3] = 9;
decoder.push(damaged);
try {
  decoder.next();
} catch (error) {
  console.log(error instanceof FrameError ? error.message : error);
}
