/**
 * Protocols with headers of several forms, each as a `prefixed()` framing, with
 * examples from their specifications.
 *
 * @module
 */
import { checkFraming } from "@lengthwise/lengthwise/testing";
import {
  FrameError,
  type Framing,
  prefixed,
} from "@lengthwise/lengthwise/framing";
import { linePrefix } from "@lengthwise/lengthwise/framing/presets";
import type { PrefixedOptions } from "@lengthwise/lengthwise/types";
import { assertEquals, assertThrows } from "@std/assert";

type Kept = Omit<PrefixedOptions, "keepHeader">;

const LATIN1 = new TextDecoder("latin1");

const optional = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);

/** Redis, RESP2 and RESP3. */
const resp = (options: Kept = {}): Framing => {
  const form = /^(?:[$!=;](?:-1|\?|(\d+))|[-+:*_,#(%~|>.].*)$/;
  const prefix = linePrefix((line) => {
    const match = form.exec(line);
    if (match === null) throw new Error("it is not a line of RESP");
    return line === ";0" ? undefined : optional(match[1]);
  });
  return prefixed(prefix, { ...options, keepHeader: true });
};

/** NATS, both directions. */
const nats = (options: Kept = {}): Framing => {
  const prefix = linePrefix((line) => {
    if (!/^H?(?:MSG|PUB)[ \t]/i.test(line)) return undefined;
    const length = /[ \t](\d+)[ \t]*$/.exec(line)?.[1];
    if (length === undefined) throw new Error("it declares no length");
    return Number(length);
  }, { maxLength: 4096 });
  return prefixed(prefix, { ...options, keepHeader: true });
};

/** memcached, text and meta commands, both directions. */
const memcached = (options: Kept = {}): Framing => {
  const form =
    /^(?:VALUE \S+ \d+ (\d+)|(?:VA|ms \S+) (\d+)|(?:set|add|replace|append|prepend|cas) \S+ \d+ -?\d+ (\d+))(?: |$)/;
  const prefix = linePrefix((line) => {
    const [, value, meta, set] = form.exec(line) ?? [];
    return optional(value ?? meta ?? set);
  }, { maxLength: 2048 });
  return prefixed(prefix, { ...options, keepHeader: true });
};

/** STOMP 1.2; a line ending between frames is a frame of its own. */
const stomp = (options: Kept = {}): Framing =>
  prefixed({
    maxLength: 16_384,
    read(bytes, seen) {
      if (bytes[0] === 10) return [1, 0];
      if (bytes[0] === 13) return bytes.length < 2 ? undefined : [2, 0];
      const from = Math.max(0, seen - 2); // the last line ending may be cut
      const match = /\n\r?\n/.exec(LATIN1.decode(bytes.subarray(from)));
      if (match === null) return undefined;
      const end = from + match.index + match[0].length;
      const headers = LATIN1.decode(bytes.subarray(0, end));
      const length = /^content-length:(\d+)\r?$/m.exec(headers)?.[1];
      return [end, length === undefined ? undefined : Number(length), "\0"];
    },
  }, { ...options, keepHeader: true });

/** WebSocket frames: opcode, length, mask, payload. */
const webSocket = (options: Kept = {}): Framing =>
  prefixed({
    maxLength: 14,
    read(bytes) {
      const [, second] = bytes;
      if (second === undefined) return undefined;
      const short = second & 127;
      const wide = short < 126 ? 0 : short === 126 ? 2 : 8;
      const header = 2 + wide + (second < 128 ? 0 : 4);
      if (bytes.length < header) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      if (wide === 0) return [header, short];
      if (wide === 2) return [header, view.getUint16(2)];
      return [header, view.getUint32(2) * 2 ** 32 + view.getUint32(6)];
    },
  }, { ...options, keepHeader: true });

/** FastCGI records, with padding of any value. */
const fastCgi = (options: Kept = {}): Framing =>
  prefixed({
    maxLength: 8,
    read(bytes) {
      if (bytes.length < 8) return undefined;
      return [8, bytes[4]! * 256 + bytes[5]!, bytes[6]!];
    },
  }, { ...options, keepHeader: true });

/** Chunks of HTTP/1.1; the last one includes the trailer fields. */
const httpChunks = (options: Kept = {}): Framing =>
  prefixed({
    maxLength: 256,
    read(bytes, seen) {
      const end = bytes.indexOf(10, seen) + 1;
      if (end === 0) return undefined;
      const line = LATIN1.decode(bytes.subarray(0, end));
      const size = /^([0-9a-f]{1,13})[ \t]*(?:;[^\r]*)?\r\n$/i.exec(line)?.[1];
      if (size === undefined) throw new Error("it has no chunk size");
      const length = parseInt(size, 16);
      if (length > 0) return [end, length, "\r\n"];
      return [end - 2, undefined, "\r\n\r\n"];
    },
  }, { ...options, keepHeader: true });

const bytes = (text: string) =>
  Uint8Array.from(text, (one) => one.charCodeAt(0));
const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(" ", ""));

interface Protocol {
  readonly make: (options?: Kept) => Framing;
  /** Whole frames, from the specification. */
  readonly frames: readonly Uint8Array[];
  /** A stream whose first frame is not valid. */
  readonly invalid: Uint8Array;
  readonly code: string;
}

const PROTOCOLS: Record<string, Protocol> = {
  // redis.io, "Redis serialization protocol specification"
  RESP: {
    make: resp,
    frames: [
      "+OK\r\n",
      "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
      ":1000\r\n",
      "$5\r\nhello\r\n",
      "$0\r\n\r\n",
      "$-1\r\n",
      "*-1\r\n",
      "*2\r\n",
      "$4\r\na\r\nb\r\n",
      "_\r\n",
      "#t\r\n",
      ",1.23\r\n",
      "(3492890328409238509324850943850943825024385\r\n",
      "!21\r\nSYNTAX invalid syntax\r\n",
      "=15\r\ntxt:Some string\r\n",
      "%2\r\n",
      ">4\r\n",
      "$?\r\n",
      ";4\r\nHell\r\n",
      ";0\r\n",
    ].map(bytes),
    invalid: bytes("$5\r\nhello!\r\n"),
    code: "bad-terminator",
  },
  // docs.nats.io, "Client Protocol"
  NATS: {
    make: nats,
    frames: [
      'INFO {"server_id":"Zk0GQ3JBSrg3oyxCRRlE09","max_payload":1048576}\r\n',
      "CONNECT {}\r\n",
      "+OK\r\n",
      "PUB FOO 11\r\nHello NATS!\r\n",
      "PUB NOTIFY 0\r\n\r\n",
      "HPUB FOO 22 33\r\nNATS/1.0\r\nBar: Baz\r\n\r\nHello NATS!\r\n",
      "SUB BAR G1 44\r\n",
      "MSG FOO.BAR 9 GREETING.34 11\r\nHello World\r\n",
      "HMSG FOO.BAR 9 34 45\r\nNATS/1.0\r\nFoodGroup: vegetable\r\n\r\nHello World\r\n",
      "PING\r\n",
      "-ERR 'Unknown Protocol Operation'\r\n",
    ].map(bytes),
    invalid: bytes("MSG FOO 9 x\r\n"),
    code: "bad-prefix",
  },
  // memcached, protocol.txt
  memcached: {
    make: memcached,
    frames: [
      "set xyzkey 0 0 6 noreply\r\nabcdef\r\n",
      "get xyzkey\r\n",
      "VALUE xyzkey 0 6\r\nabcdef\r\n",
      "VALUE xyzkey 0 6 17\r\na\r\ncde\r\n",
      "END\r\n",
      "STORED\r\n",
      "cas xyzkey 0 -1 0 17\r\n\r\n",
      "ms foo 2 T90\r\nhi\r\n",
      "mg foo t v\r\n",
      "VA 2 t78\r\nhi\r\n",
      "EN\r\n",
    ].map(bytes),
    invalid: bytes("VALUE xyzkey 0 6\r\nabcdefEND\r\n"),
    code: "bad-terminator",
  },
  // STOMP 1.2, "STOMP Frames", "Body", "Heart-beating"
  STOMP: {
    make: stomp,
    frames: [
      "CONNECT\naccept-version:1.2\nhost:stomp.github.org\n\n\0",
      "SEND\ndestination:/queue/a\ncontent-type:text/plain\n\nhello queue a\n\0",
      "\n",
      "\r\n",
      "MESSAGE\r\nsubscription:0\r\ncontent-length:3\r\n\r\n\0\0\0\0",
      "RECEIPT\nreceipt-id:message-12345\n\n\0",
      "SEND\ncontent-length:0\ncontent-length:9\n\n\0",
    ].map(bytes),
    invalid: bytes("SEND\ncontent-length:1\n\nab\0"),
    code: "bad-terminator",
  },
  // RFC 6455, 5.7
  WebSocket: {
    make: webSocket,
    frames: [
      hex("81 05 48656c6c6f"),
      hex("81 85 37fa213d 7f9f4d5158"),
      hex("01 03 48656c"),
      hex("80 02 6c6f"),
      hex("89 05 48656c6c6f"),
      hex("8a 85 37fa213d 7f9f4d5158"),
      hex("82 7e 0100" + "07".repeat(256)),
      hex("82 80 00010203"),
    ],
    invalid: hex("82 7f 7fffffffffffffff"),
    code: "too-large",
  },
  // FastCGI Specification, 3.3 and appendix B
  FastCGI: {
    make: fastCgi,
    frames: [
      hex("01 01 0001 0008 00 00 0001 00 0000000000"),
      hex("01 05 0001 0000 00 00"),
      hex("01 06 0001 000b 05 00"),
      hex("01 03 0001 0008 00 00 00000000 00 000000"),
    ].map((record, i) =>
      i === 2
        ? new Uint8Array([...record, ...bytes("hello world"), 9, 8, 7, 6, 5])
        : record
    ),
    invalid: hex("01 06 0001 ffff ff 00"),
    code: "too-large",
  },
  // RFC 9112, 7.1
  "HTTP/1 chunks": {
    make: httpChunks,
    frames: [
      "4\r\nWiki\r\n",
      '6;name="value"\r\npedia \r\n',
      "E \r\nin \r\n\r\nchunks.\r\n",
      "0\r\nExpires: never\r\nX: y\r\n\r\n",
      "000;last\r\n\r\n",
      "0\r\n\r\n",
    ].map(bytes),
    invalid: bytes("4\nWiki\r\n"),
    code: "bad-prefix",
  },
};

for (const [name, protocol] of Object.entries(PROTOCOLS)) {
  const { make, frames, invalid, code } = protocol;

  Deno.test(`prefixed() frames ${name}`, { permissions: "none" }, () => {
    checkFraming(make, frames);
  });

  Deno.test(`prefixed() rejects what is not ${name}`, {
    permissions: "none",
  }, () => {
    const decoder = make({ maxFrameLength: 2000 }).decoder();
    const error = assertThrows(() => {
      decoder.push(invalid);
      decoder.next();
    }, FrameError);
    assertEquals([error.code, error.frameIndex], [code, 0]);
  });

  Deno.test(`prefixed() skips a frame of ${name} that is too long`, {
    permissions: "none",
  }, () => {
    const longest = frames.reduce((a, b) => b.length > a.length ? b : a);
    const others = frames.filter((frame) => frame.length < longest.length);
    const wire = [others[0]!, longest, ...others.slice(1)];
    const stream = new Uint8Array(wire.flatMap((frame) => [...frame]));
    const limit = { maxFrameLength: longest.length - 1 } as const;
    for (const size of [1, 3, 50, stream.length]) {
      const decoder = make({ ...limit, onTooLarge: "skip" }).decoder();
      const got: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) {
        decoder.push(stream.slice(at, at + size));
        for (let one; (one = decoder.next());) got.push(one.slice());
      }
      decoder.end();
      assertEquals([got, decoder.skipped], [others, 1]);
    }
  });
}

Deno.test("prefixed() rejects a frame of unknown length at the limit", {
  permissions: "none",
}, () => {
  const decoder = stomp({ maxFrameLength: 20 }).decoder();
  const head = "SEND\n\n";
  decoder.push(bytes(head + "x".repeat(13)));
  assertEquals(decoder.next(), undefined); // the NUL would be the 20th byte
  decoder.push(bytes("x"));
  const error = assertThrows(() => decoder.next(), FrameError);
  assertEquals([error.code, error.limit], ["too-large", 20]);
});

Deno.test("linePrefix() accepts CR LF alone, or either line ending", () => {
  const read = (stream: string, newline: "crlf" | "any") => {
    const prefix = linePrefix((line) => optional(/^#(\d+)$/.exec(line)?.[1]), {
      newline,
    });
    const decoder = prefixed(prefix, { keepHeader: true }).decoder();
    decoder.push(bytes(stream));
    const frames: string[] = [];
    for (let frame; (frame = decoder.next());) {
      frames.push(LATIN1.decode(frame));
    }
    return frames;
  };
  const stream = "#1\r\na\r\n\r\nb\r\n";
  assertEquals(read(stream, "crlf"), ["#1\r\na\r\n", "\r\n", "b\r\n"]);
  assertEquals(read("#1\nb\n" + stream, "any"), [
    ...["#1\nb\n", "#1\r\na\r\n", "\r\n", "b\r\n"],
  ]);
  for (const invalid of ["a\n", "a\rb\r\n", "a\r\r\n", "\n"]) {
    const error = assertThrows(
      () => read(invalid, "crlf"),
      FrameError,
      "its line must end with CR LF and contain neither",
    );
    assertEquals(error.code, "bad-prefix");
  }
  assertThrows(() => read("#1\r\na\n\n", "any"), FrameError, "trailer");
});

Deno.test("linePrefix() keeps a byte order mark and limits a line", () => {
  const lines: string[] = [];
  const prefix = linePrefix((line) => void lines.push(line), { maxLength: 6 });
  const decoder = prefixed(prefix, { keepHeader: true }).decoder();
  decoder.push(new TextEncoder().encode("\ufeffa\r\n123456"));
  assertEquals(decoder.next()?.length, 6);
  assertEquals(lines, ["\ufeffa"]);
  assertThrows(() => decoder.next(), FrameError, "within 6 bytes");
  // @ts-expect-error -- not a line ending
  assertThrows(() => linePrefix(() => 0, { newline: "lf" }), TypeError);
  // @ts-expect-error -- not an option
  assertThrows(() => linePrefix(() => 0, { most: 1 }), TypeError, "most");
});
