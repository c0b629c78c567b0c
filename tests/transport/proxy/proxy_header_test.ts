import { assertEquals, assertMatch } from "@std/assert";
import {
  parseProxyHeader,
  type ProxyHeader,
} from "../../../lib/transport/proxy/proxy_header.ts";
import { ascii, INET, join, v2, value } from "./headers.ts";

const LIMIT = 4_096;
const tcp = (hostname: string, port: number) => ({
  transport: "tcp",
  hostname,
  port,
});
const NOTHING = {
  source: undefined,
  destination: undefined,
  tls: undefined,
  authority: undefined,
  alpn: undefined,
  uniqueId: undefined,
  extensions: new Map<number, Uint8Array>(),
};
const INET_ADDRESSES = {
  source: tcp("192.0.2.7", 0x1234),
  destination: tcp("198.51.100.1", 443),
};
const INET6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, ...new Array(11).fill(0), 7],
  ...[0x20, 0x01, 0x0d, 0xb8, ...new Array(11).fill(0), 1],
  ...[0xff, 0xff, 0, 80],
];
const path = (text: string) =>
  join(ascii(text), new Uint8Array(108 - text.length));
/** Facts about TLS: flags, a result of 0 or 1, and values. */
const tls = (flags: number, result: number, ...values: number[][]) =>
  value(0x20, [flags, 0, 0, 0, result, ...values.flat()]);

type Stated = Partial<ProxyHeader> & Pick<ProxyHeader, "version" | "command">;
const one = { version: 1, command: "proxy" } as const; // the literal types
const two = { version: 2, command: "proxy" } as const; // the literal types

const VALID: Record<string, [Uint8Array, Stated]> = {
  "TCP4": [
    ascii("PROXY TCP4 192.0.2.7 198.51.100.1 4660 443\r\n"),
    { ...one, ...INET_ADDRESSES },
  ],
  "TCP6, the longest line": [
    ascii(
      `PROXY TCP6 ${"ffff:".repeat(7)}ffff ${
        "ffff:".repeat(7)
      }ffff 65535 65535\r\n`,
    ),
    {
      ...one,
      source: tcp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
      destination: tcp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535),
    },
  ],
  "TCP6, shortened": [
    ascii("PROXY TCP6 2001:DB8::7 ::1 0 80\r\n"),
    { ...one, source: tcp("2001:db8::7", 0), destination: tcp("::1", 80) },
  ],
  "UNKNOWN": [ascii("PROXY UNKNOWN\r\n"), one],
  "UNKNOWN with 107 bytes": [
    ascii(
      `PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${
        "ffff:".repeat(7)
      }ffff 65535 65535\r\n`,
    ),
    one,
  ],
  "UNKNOWN with anything": [ascii("PROXY UNKNOWN any thing\0\xff\r\n"), one],
  "IPv4": [v2(), { ...two, ...INET_ADDRESSES }],
  "IPv6": [v2({ family: 0x21, rest: INET6 }), {
    ...two,
    source: tcp("2001:db8::7", 0xffff),
    destination: tcp("2001:db8::1", 80),
  }],
  "Unix sockets": [
    v2({ family: 0x31, rest: join(path("/run/a"), path("/run/b")) }),
    {
      ...two,
      source: { transport: "unix", path: "/run/a" },
      destination: { transport: "unix", path: "/run/b" },
    },
  ],
  "Unix sockets without a name, and with an abstract one": [
    v2({ family: 0x31, rest: join(path(""), path("\0name")) }),
    {
      ...two,
      source: { transport: "unix", path: null },
      destination: { transport: "unix", path: "\0name" },
    },
  ],
  "UNSPEC": [v2({ family: 0, rest: [] }), two],
  "an unspecified protocol of IPv4": [v2({ family: 0x10 }), two],
  "LOCAL": [v2({ command: 0x20, family: 0, rest: [] }), {
    version: 2,
    command: "local",
  }],
  "LOCAL with addresses and values, which are skipped": [
    v2({ command: 0x20, rest: join(INET, value(2, ascii("forged"))) }),
    { version: 2, command: "local" },
  ],
  "LOCAL with bytes that are no values": [
    v2({ command: 0x20, family: 0xff, rest: [1, 2, 3] }),
    { version: 2, command: "local" },
  ],
  "a checksum": [v2({ checksum: true }), { ...two, ...INET_ADDRESSES }],
  "values": [
    v2({
      rest: join(
        INET,
        value(0x04, new Uint8Array(300)),
        value(0x01, ascii("h2")),
        value(0x02, ascii("\xc3\xa4.example")),
        value(0x05, new Uint8Array(128).fill(9)),
        value(0xea, [1, 2, 3]),
        value(0x30, ascii("blue")),
        tls(
          0x07,
          0,
          value(0x21, ascii("TLSv1.3")),
          value(0x22, ascii("Ada")),
          value(0x23, ascii("AES")),
        ),
      ),
      checksum: true,
    }),
    {
      ...two,
      ...INET_ADDRESSES,
      alpn: "h2",
      authority: "ä.example",
      uniqueId: new Uint8Array(128).fill(9),
      extensions: new Map([
        [0xea, Uint8Array.of(1, 2, 3)],
        [0x30, ascii("blue")],
      ]),
      tls: {
        version: "TLSv1.3",
        commonName: "Ada",
        cipher: "AES",
        certificate: true,
        verified: true,
      },
    },
  ],
  "a certificate that the proxy did not verify": [
    v2({ rest: join(INET, tls(0x05, 1, value(0x22, ascii("Mallory")))) }),
    {
      ...two,
      ...INET_ADDRESSES,
      tls: {
        version: undefined,
        commonName: "Mallory",
        cipher: undefined,
        certificate: true,
        verified: false,
      },
    },
  ],
  "TLS without a certificate": [v2({ rest: join(INET, tls(0x01, 0)) }), {
    ...two,
    ...INET_ADDRESSES,
    tls: {
      version: undefined,
      commonName: undefined,
      cipher: undefined,
      certificate: false,
      verified: false, // the result is 0 as well if there was nothing to verify
    },
  }],
  "4,096 bytes": [
    v2({ rest: join(INET, value(4, new Uint8Array(LIMIT - 16 - 12 - 3))) }),
    { ...two, ...INET_ADDRESSES },
  ],
};

for (const [name, [bytes, stated]] of Object.entries(VALID)) {
  Deno.test({
    name: `parseProxyHeader() parses ${name}, however it is split`,
    permissions: "none",
    fn() {
      const header = { ...NOTHING, ...stated };
      const whole = { kind: "header", header, length: bytes.length };
      assertEquals(parseProxyHeader(bytes, LIMIT), whole as never); // as the type of a literal
      const more = join(bytes, ascii("PROXY TCP4 1"));
      assertEquals(parseProxyHeader(more, LIMIT), whole as never); // as above
      for (let length = 0; length < bytes.length; length++) {
        const part = parseProxyHeader(bytes.subarray(0, length), LIMIT);
        // It never asks for bytes after the header.
        const fits = part.kind === "more" && part.needed > length &&
          part.needed <= bytes.length;
        assertEquals(fits, true, `${length}: ${JSON.stringify(part)}`);
      }
    },
  });
}

const INVALID: Record<string, [Uint8Array, RegExp]> = {
  "a TLS hello": [ascii("\x16\x03\x01\x02\0"), /first bytes/],
  "HTTP": [ascii("POST / HTTP/1.1\r\n"), /first bytes/],
  "a wrong first byte of version 2": [ascii("\r\n\r\n\0\r\nQUIP\n"), /first/],
  "lower case": [ascii("proxy TCP4"), /first bytes/],
  "a line of 108 bytes": [ascii(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), /107/],
  "a line without an end": [ascii(`PROXY UNKNOWN ${"x".repeat(200)}`), /107/],
  "LF alone": [ascii("PROXY UNKNOWN\n"), /CRLF/],
  "another family": [ascii("PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n"), /family/],
  "no family": [ascii("PROXY \r\n"), /family/],
  "IPv6 as TCP4": [ascii("PROXY TCP4 ::1 ::1 1 1\r\n"), /TCP4 addresses/],
  "IPv4 as TCP6": [ascii("PROXY TCP6 1.1.1.1 ::1 1 1\r\n"), /TCP6 addresses/],
  "a port of 65536": [ascii("PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n"), /TCP4/],
  "a port with a zero": [ascii("PROXY TCP4 1.1.1.1 1.1.1.1 01 1\r\n"), /TCP4/],
  "no port": [ascii("PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n"), /TCP4/],
  "two spaces": [ascii("PROXY TCP4  1.1.1.1 1.1.1.1 1 1\r\n"), /TCP4/],
  "a field too many": [ascii("PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n"), /TCP4/],
  "version 3": [v2({ command: 0x31 }), /version is 3/],
  "command 2": [v2({ command: 0x22 }), /command is 2/],
  "address family 4": [v2({ family: 0x41 }), /family is 4/],
  "datagrams": [v2({ family: 0x12 }), /stream/],
  "addresses that are cut short": [v2({ rest: INET.slice(1) }), /too short/],
  "a value without its length": [v2({ rest: join(INET, [4, 0]) }), /longer/],
  "a value that is cut short": [v2({ rest: join(INET, [4, 0, 1]) }), /longer/],
  "a unique id of 129 bytes": [
    v2({ rest: join(INET, value(5, new Uint8Array(129))) }),
    /unique id/,
  ],
  "facts about TLS of 4 bytes": [
    v2({ rest: join(INET, value(0x20, [0, 0, 0, 0])) }),
    /TLS are cut short/,
  ],
  "a value in TLS that is cut short": [
    v2({ rest: join(INET, tls(1, 0, [0x21, 0, 1])) }),
    /TLS are cut short/,
  ],
  "a checksum of 3 bytes": [
    v2({ rest: join(INET, value(3, [0, 0, 0])) }),
    /checksum/,
  ],
  "4,097 bytes": [
    v2({ rest: join(INET, value(4, new Uint8Array(LIMIT - 15 - 12 - 3))) }),
    /4097 bytes, and the limit is 4096/,
  ],
};

for (const [name, [bytes, reason]] of Object.entries(INVALID)) {
  Deno.test({
    name: `parseProxyHeader() rejects ${name}, however it is split`,
    permissions: "none",
    fn() {
      const whole = parseProxyHeader(bytes, LIMIT);
      assertEquals(whole.kind, "invalid");
      if (whole.kind === "invalid") assertMatch(whole.reason, reason);
      for (let length = 0; length < bytes.length; length++) {
        const part = parseProxyHeader(bytes.subarray(0, length), LIMIT);
        if (part.kind === "invalid") assertEquals(part, whole);
        else assertEquals(part.kind, "more", `${length}`);
      }
    },
  });
}

Deno.test({
  name:
    "parseProxyHeader() rejects a header with any byte changed, by its checksum",
  permissions: "none",
  fn() {
    const bytes = v2({
      rest: join(INET, value(2, ascii("a.example"))),
      checksum: true,
    });
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 0x20;
      const { kind } = parseProxyHeader(changed, LIMIT);
      // A changed length or type may ask for more, or hide the checksum.
      const structure = at === 14 || at === 15 || at >= 28 && at < 31 ||
        at >= 40;
      if (!structure) assertEquals(kind, "invalid", `${at}`);
    }
  },
});

Deno.test({
  name: "parseProxyHeader() rejects a long header before its contents arrive",
  permissions: "none",
  fn() {
    const declared = v2({ rest: new Uint8Array(0xffff) }).subarray(0, 16);
    assertEquals(parseProxyHeader(declared, LIMIT).kind, "invalid");
    assertEquals(parseProxyHeader(declared, 65_551), {
      kind: "more",
      needed: 65_551,
    });
  },
});
