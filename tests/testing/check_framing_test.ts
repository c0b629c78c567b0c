import { assertThrows } from "@std/assert";
import {
  amqp,
  dnsTcp,
  grpcMessage,
  javaWriteUTF,
  lsp,
  mongodb,
  mqtt,
  mysql,
  postgres,
  postgresStartup,
  sshAgent,
} from "@lengthwise/lengthwise/framing/presets";
import { checkFraming } from "@lengthwise/lengthwise/testing";
import {
  chunked,
  cobs,
  contentLength,
  delimited,
  doneFlag,
  fixedLength,
  type FrameDecoder,
  type Framing,
  fullPartContinues,
  lengthPrefixed,
  lines,
  netstring,
  slip,
  u16be,
  u16le,
  u24be,
  u24le,
  u32be,
  u32le,
  u64be,
  u64le,
  varint,
  varintPrefixed,
} from "@lengthwise/lengthwise/framing";

type Make = (options: { maxFrameLength?: number }) => Framing;

function bytes(length: number, start = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (start + i * 7) & 0xff);
}

function text(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 0x61 + i % 26);
}

const PAYLOADS = [bytes(3), bytes(0), bytes(1), bytes(300), bytes(17)];
const TEXTS = [text(3), text(0), text(1), text(300), text(17)];
/** Returns frames with a header that contains a length field. */
function headed(header: number, field: [number, number], write: Write) {
  return PAYLOADS.map((body) => {
    const frame = new Uint8Array(header + body.length);
    frame.set(body, header);
    const [at, width] = field;
    write(new DataView(frame.buffer, at, width), frame.length);
    return frame;
  });
}
type Write = (field: DataView, frameLength: number) => void;

/** Returns a whole MQTT packet, with its length. */
function packet(body: Uint8Array): Uint8Array {
  const { length } = body;
  const field = length < 128 ? [length] : [length % 128 + 128, length >> 7];
  return Uint8Array.from([0x30, ...field, ...body]);
}

const FRAMINGS: Record<string, [Make, readonly Uint8Array[]]> = {
  u16be: [u16be, PAYLOADS],
  u16le: [u16le, PAYLOADS],
  u24be: [u24be, PAYLOADS],
  u24le: [u24le, PAYLOADS],
  u32be: [u32be, PAYLOADS],
  u32le: [u32le, PAYLOADS],
  u64be: [u64be, PAYLOADS],
  u64le: [u64le, PAYLOADS],
  varint: [varint, PAYLOADS],
  javaWriteUTF: [javaWriteUTF, PAYLOADS],
  sshAgent: [sshAgent, [bytes(1), bytes(300)]],
  dnsTcp: [dnsTcp, [bytes(12), bytes(300)]],
  lsp: [lsp, PAYLOADS],
  netstring: [netstring, PAYLOADS],
  cobs: [cobs, [...PAYLOADS, bytes(600).map((b) => b || 1)]],
  slip: [slip, PAYLOADS.filter((payload) => payload.length > 0)],
  lines: [lines, TEXTS],
  "fixedLength(17)": [() => fixedLength(17), [bytes(17), bytes(17, 99)]],
  postgresStartup: [postgresStartup, [bytes(4), bytes(300)]],
  postgres: [
    postgres,
    headed(5, [1, 4], (field, length) => field.setUint32(0, length - 1)),
  ],
  grpcMessage: [
    grpcMessage,
    headed(5, [1, 4], (field, length) => field.setUint32(0, length - 5)),
  ],
  mongodb: [
    mongodb,
    headed(16, [0, 4], (field, length) => field.setInt32(0, length, true)),
  ],
  amqp: [
    amqp,
    headed(7, [3, 4], (field, length) => field.setUint32(0, length - 7)),
  ],
  mqtt: [mqtt, PAYLOADS.map((body) => Uint8Array.of(0x30, ...body))],
  "varintPrefixed, offset, kept": [
    (o) => varintPrefixed({ ...o, offset: 1, keepHeader: true }),
    PAYLOADS.map(packet),
  ],
  mysql: [mysql, [bytes(1), bytes(5), bytes(300)]],
  "u32be, kept": [
    (o) => u32be({ ...o, keepHeader: true }),
    headed(4, [0, 4], (field, length) => field.setUint32(0, length - 4)),
  ],
  "u16le, kept": [
    (o) => u16le({ ...o, keepHeader: true }),
    headed(2, [0, 2], (field, length) => field.setUint16(0, length - 2, true)),
  ],
  "varint, kept": [
    (o) => varint({ ...o, keepHeader: true }),
    PAYLOADS.map((body) => packet(body).subarray(1)),
  ],
  "netstring, kept": [
    (o) => netstring({ ...o, keepHeader: true }),
    PAYLOADS.map((body) => netstring().encoder().encode(body)),
  ],
  "contentLength, kept": [
    (o) => contentLength({ ...o, keepHeader: true }),
    PAYLOADS.map((body) => contentLength().encoder().encode(body)),
  ],
  "lengthPrefixed with magic, trailer and a wide header": [
    (o) =>
      lengthPrefixed({
        ...o,
        width: 5,
        offset: 3,
        headerLength: 11,
        counts: "afterField",
        magic: bytes(2),
        trailer: bytes(3),
      }),
    PAYLOADS,
  ],
  "lengthPrefixed with a rule": [
    (o) =>
      lengthPrefixed({
        ...o,
        width: 2,
        headerLength: 4,
        rule: {
          decode: (_, value) => 4 + value / 2,
          encode: (length) => (length - 4) * 2,
        },
      }),
    PAYLOADS,
  ],
  "varintPrefixed, lenient": [
    (o) => varintPrefixed({ ...o, canonical: false, maxPrefixLength: 4 }),
    PAYLOADS,
  ],
  "lines with a final line": [(o) => lines({ ...o, finalLine: true }), TEXTS],
  "delimited by delimiters that begin longer ones": [
    (o) => delimited(["\r\n", "\n", "\r"], o),
    TEXTS,
  ],
  "delimited by several": [(o) => delimited(["--", "\0", "-+"], o), TEXTS],
  "delimited and kept": [
    (o) => delimited("\r\n", { ...o, keepDelimiter: true }),
    TEXTS.map((line) => Uint8Array.from([...line, 13, 10])),
  ],
  "lines, CRLF": [(o) => lines({ ...o, newline: "crlf" }), TEXTS],
  "contentLength with a short header": [
    (o) => contentLength({ ...o, maxHeaderLength: 64 }),
    PAYLOADS,
  ],
  "chunked by done flags": [
    (o) => chunked(u16be(), doneFlag({ partLength: 7 }), o),
    PAYLOADS,
  ],
  "chunked by full parts": [
    (o) => chunked(varint(), fullPartContinues({ partLength: 10 }), o),
    [...PAYLOADS, bytes(30)],
  ],
  "chunked with sequence numbers": [
    (o) =>
      chunked(
        u24le(),
        fullPartContinues({ partLength: 10, sequence: true }),
        o,
      ),
    [bytes(1), bytes(300), bytes(31)],
  ],
};

for (const [name, [make, samples]] of Object.entries(FRAMINGS)) {
  Deno.test({
    name: `checkFraming() passes ${name}`,
    permissions: "none",
    fn: () => checkFraming(make, samples),
  });
}

/** Returns a framing whose decoder or encoder wraps the real one. */
function altered<K extends "decoder" | "encoder">(
  what: K,
  change: (real: ReturnType<Framing[K]>) => ReturnType<Framing[K]>,
): Make {
  return (options) => {
    const real = u16be(options);
    const make = () => change(real[what]() as ReturnType<Framing[K]>);
    return { ...real, [what]: make };
  };
}

/** A decoder that forwards every call to another one. */
class Relay implements FrameDecoder {
  constructor(protected readonly real: FrameDecoder) {}
  push(chunk: Uint8Array): void {
    this.real.push(chunk);
  }
  next(): Uint8Array | undefined {
    return this.real.next();
  }
  end(): void {
    this.real.end();
  }
  rest(): Uint8Array {
    return this.real.rest();
  }
  get pending(): number {
    return this.real.pending;
  }
  get held(): number {
    return this.real.held;
  }
  get skipped(): number {
    return this.real.skipped;
  }
  get maxFrameLength(): number {
    return this.real.maxFrameLength;
  }
  set maxFrameLength(limit: number) {
    this.real.maxFrameLength = limit;
  }
}

const BROKEN: Record<
  string,
  [rule: string, make: Make, samples?: readonly Uint8Array[]]
> = {
  "an end() that never throws": [
    "end() throws exactly when a frame is incomplete",
    altered("decoder", (real) =>
      new class extends Relay {
        override end(): void {}
      }(real)),
  ],
  "an end() that leaves the error to next()": [
    "end() throws exactly when a frame is incomplete",
    altered("decoder", (real) =>
      new class extends Relay {
        #error: unknown;
        override end(): void {
          try {
            super.end();
          } catch (error) {
            this.#error = error;
          }
        }
        override next(): Uint8Array | undefined {
          if (this.#error !== undefined) throw this.#error;
          return super.next();
        }
      }(real)),
  ],
  "a 'pending' that is always 0": [
    "'pending' is the number of bytes of an incomplete frame",
    altered("decoder", (real) =>
      new class extends Relay {
        override get pending(): number {
          return 0;
        }
      }(real)),
  ],
  "memory for the declared length": [
    "'held' is limited by the bytes received",
    altered("decoder", (real) =>
      new class extends Relay {
        override get held(): number {
          return 65_536;
        }
      }(real)),
  ],
  "an empty rest()": [
    "several chunks can be pushed before next() is called",
    altered("decoder", (real) =>
      new class extends Relay {
        override rest(): Uint8Array {
          return new Uint8Array(0);
        }
      }(real)),
  ],
  "frames lost when several chunks wait": [
    "several chunks can be pushed before next() is called",
    altered("decoder", (real) =>
      new class extends Relay {
        #pushes = 0;
        override push(chunk: Uint8Array): void {
          this.#pushes++;
          super.push(chunk);
        }
        override next(): Uint8Array | undefined {
          if (this.#pushes > 3) super.next();
          this.#pushes = 0;
          return super.next();
        }
      }(real)),
  ],
  "empty frames dropped": [
    "a round trip returns the samples",
    altered("decoder", (real) =>
      new class extends Relay {
        override next(): Uint8Array | undefined {
          const frame = super.next();
          return frame?.length === 0 ? this.next() : frame;
        }
      }(real)),
  ],
  "chunks decoded one push late": [
    "a round trip returns the samples",
    altered("decoder", (real) =>
      new class extends Relay {
        #late: Uint8Array | undefined;
        override push(chunk: Uint8Array): void {
          if (this.#late) this.real.push(this.#late);
          this.#late = chunk;
        }
      }(real)),
  ],
  "a bound too low": [
    "maxEncodedLength() is an upper bound",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      maxEncodedLength: (length) => length,
      encode: (payload) => real.encode(payload),
      encodeInto: (payload, target, at) => real.encodeInto(payload, target, at),
    })),
  ],
  "a header with a wrong length": [
    "encodeHeader() writes the same header as encode()",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      encode: (payload) => real.encode(payload),
      maxEncodedLength: (length) => real.maxEncodedLength(length),
      encodeInto: (payload, target, offset) =>
        real.encodeInto(payload, target, offset),
      encodeHeader: (length, target, offset) =>
        real.encodeHeader!(length + 1, target, offset),
    })),
  ],
  "a header that is cut": [
    "encodeHeader() throws if the target is too small",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      encode: (payload) => real.encode(payload),
      maxEncodedLength: (length) => real.maxEncodedLength(length),
      encodeInto: (payload, target, offset) =>
        real.encodeInto(payload, target, offset),
      encodeHeader: (length, target, offset) => {
        target[offset] = length >> 8;
        target[offset + 1] = length;
        return offset + 2;
      },
    })),
  ],
  "an encodeInto() that overwrites its payload": [
    "encodeInto() encodes a payload that is part of the target",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      maxEncodedLength: (length) => real.maxEncodedLength(length),
      encode: (payload) => real.encode(payload),
      encodeInto: (payload, target, at) => {
        const { length } = payload;
        if (at + 2 + length > target.length) throw new RangeError("too small");
        target[at] = length >> 8;
        target[at + 1] = length;
        target.set(payload, at + 2);
        return at + 2 + length;
      },
    })),
  ],
  "an encodeInto() without checks": [
    "encodeInto() and seal() reject what encode() rejects",
    (options) => {
      const real = delimited("\0", options);
      const encoder = real.encoder();
      return {
        ...real,
        encoder: () => ({
          maxFrameLength: encoder.maxFrameLength,
          maxEncodedLength: (length) => encoder.maxEncodedLength(length),
          encode: (payload) => encoder.encode(payload),
          encodeInto: (payload, target, at) => {
            const end = at + payload.length;
            if (end >= target.length) throw new RangeError("too small");
            target.set(payload, at);
            target[end] = 0;
            return end + 1;
          },
        }),
      };
    },
    TEXTS,
  ],
  "a seal that leaves a gap": [
    "seal() writes the same frames as encode(), without gaps",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      maxEncodedLength: (length) => real.maxEncodedLength(length),
      encode: (payload) => real.encode(payload),
      encodeInto: (payload, target, at) => real.encodeInto(payload, target, at),
      inPlace: {
        headroom: 3,
        tailroom: 0,
        seal: (target, start, end) =>
          real.inPlace!.seal(target, start + 1, end),
      },
    })),
  ],
  "an encoder without a limit": [
    "encode() rejects a payload over 'maxFrameLength'",
    altered("encoder", (real) => ({
      maxFrameLength: real.maxFrameLength,
      maxEncodedLength: (length) => real.maxEncodedLength(length),
      encode: (payload) =>
        payload.length > 60_000 ? payload : real.encode(payload),
      encodeInto: (payload, target, at) => real.encodeInto(payload, target, at),
    })),
  ],
};

for (
  const [name, [rule, make, samples = PAYLOADS]] of Object.entries(BROKEN)
) {
  Deno.test({
    name: `checkFraming() names the check that ${name} fails`,
    permissions: "none",
    fn() {
      assertThrows(() => checkFraming(make, samples), Error, `'${rule}'`);
    },
  });
}

Deno.test({
  name: "checkFraming() requires at least two samples",
  permissions: "none",
  fn() {
    assertThrows(() => checkFraming(u16be, [bytes(1)]), Error, "2 samples");
  },
});
