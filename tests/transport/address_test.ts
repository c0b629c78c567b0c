import {
  checkAddress,
  formatAddress,
  parseAddress,
  resolveAddress,
} from "../../lib/transport/address.ts";
import { type Address, TransportError } from "@lengthwise/lengthwise/transport";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";

/** Addresses as objects and URLs, tested in both directions. */
const ADDRESSES: readonly (readonly [string, Address])[] = [
  ["tcp://127.0.0.1:7000", { hostname: "127.0.0.1", port: 7000 }],
  ["tcp://localhost:0", { hostname: "localhost", port: 0 }],
  ["tcp://[::1]:65535", { hostname: "::1", port: 65535 }],
  ["tcp://[fe80::1%25eth0]:7000", { hostname: "fe80::1%eth0", port: 7000 }],
  ["tls://[fe80::1%2512]:7000", {
    hostname: "fe80::1%12",
    port: 7000,
    tls: {},
  }],
  ["tcp://[fe80::1%25a%25b%28c%29~.-_%C3%A9]:7000", {
    hostname: "fe80::1%a%b(c)~.-_é",
    port: 7000,
  }],
  ["tls://db.example:7000", { hostname: "db.example", port: 7000, tls: {} }],
  ["unix:/run/db.sock", { path: "/run/db.sock" }],
  ["unix:relative.sock", { path: "relative.sock" }],
  ["unix:/run/with%20space%3F%23%25", { path: "/run/with space?#%" }],
  ["unix:@abstract", { path: "\0abstract" }],
  ["unix:%40file", { path: "@file" }],
  ["tls+unix:/run/db.sock", { path: "/run/db.sock", tls: {} }],
  ["memory:db", { memory: "db" }],
  ["memory:d%C3%A9/@:b%20", { memory: "dé/@:b " }],
];

for (const [url, address] of ADDRESSES) {
  Deno.test(`parseAddress() and formatAddress() agree on ${url}`, () => {
    assertEquals(parseAddress(url), address);
    assertEquals(formatAddress(address), url);
  });
}

Deno.test("parseAddress() accepts alternative spellings", () => {
  const expected = { hostname: "localhost", port: 80 };
  assertEquals(parseAddress("TCP://localhost:80"), expected);
  assertEquals(parseAddress("tcp://localhost:80/"), expected);
  assertEquals(parseAddress(new URL("tcp://localhost:80")), expected);
  assertEquals(parseAddress("unix:///run/db.sock"), { path: "/run/db.sock" });
  assertEquals(parseAddress(new URL("unix:/run/a b")), { path: "/run/a b" });
});

const BAD_URLS: readonly (readonly [string, string])[] = [
  ["", "scheme"],
  ["localhost:80", "scheme"],
  ["http://localhost:80", "scheme"],
  ["tcp:localhost:80", "host:port"],
  ["tcp://localhost", "host:port"],
  ["tcp://localhost:", "host:port"],
  ["tcp://localhost:http", "host:port"],
  ["tcp://localhost:-1", "host:port"],
  ["tcp://localhost:65536", "65535"],
  ["tcp://localhost:99999", "65535"],
  ["tcp://localhost:80/path", "host:port"],
  ["tcp://::1:80", "host:port"],
  ["tcp://user@localhost:80", "hostname"],
  ["tcp://:80", "hostname"],
  ["tcp://[]:80", "hostname"],
  ["tls://a b:80", "hostname"],
  ["tcp://[fe80::1%eth0]:80", "%25"],
  ["tcp://[fe80::1%]:80", "%25"],
  ["tcp://[fe80::1%25]:80", "%25"],
  ["tcp://[fe80::1%25a/b]:80", "%25"],
  ["tcp://[fe80::1%25a%zz]:80", "%25"],
  ["tcp://[fe80::1%25%ff]:80", "UTF-8"],
  ["tcp://[fe80%25eth0]:80", "IPv6"],
  ["tcp://host%25eth0:80", "IPv6"],
  ["unix:", "path"],
  ["unix:@", "path"],
  ["unix:/run/%00x", "NUL"],
  ["unix:%ff", "UTF-8"],
  ["memory:", "name"],
  ["http://example.com/", "clients connect to WebSockets by 'ws://'"],
  ["wss://example.com/", "servers accept() those of upgradeWebSocket()"],
];

for (const [url, part] of BAD_URLS) {
  Deno.test(`parseAddress() rejects ${JSON.stringify(url)}`, () => {
    const error = assertThrows(() => parseAddress(url), TransportError);
    assertEquals(error.code, "address-invalid");
    assertStringIncludes(error.message, part);
  });
}

Deno.test("checkAddress() quotes the invalid value", () => {
  const cases: readonly (readonly [Address, string])[] = [
    [{ port: 65536 }, "65536"],
    [{ port: -1 }, "-1"],
    [{ port: 1.5 }, "1.5"],
    [{ port: NaN }, "NaN"],
    [{ port: 80, hostname: "" }, '""'],
    [{ port: 80, hostname: "[::1]" }, '"[::1]"'],
    [{ path: "" }, '""'],
    [{ path: "a\0b" }, '"a\\u0000b"'],
    [{ memory: "" }, '""'],
  ];
  for (const [address, quoted] of cases) {
    const error = assertThrows(() => checkAddress(address), TransportError);
    assertEquals(error.code, "address-invalid");
    assertStringIncludes(error.message, quoted);
  }
});

Deno.test("formatAddress() formats the addresses that sockets report", () => {
  const cases = [
    [{ transport: "tcp", hostname: "0.0.0.0", port: 1 }, "tcp://0.0.0.0:1"],
    [{ transport: "tcp", hostname: "::", port: 1 }, "tcp://[::]:1"],
    [{ transport: "unix", path: "/run/x" }, "unix:/run/x"],
    [{ transport: "unix", path: null }, "unix:"],
    [{ transport: "tls", hostname: "::", port: 1 }, "tls://[::]:1"],
    [{ transport: "tls+unix", path: "/run/x" }, "tls+unix:/run/x"],
    [{ transport: "memory", name: "db" }, "memory:db"],
    // A lone surrogate, which a URL cannot contain.
    [{ transport: "memory", name: "\ud800" }, "memory:%EF%BF%BD"],
  ] as const;
  for (const [address, text] of cases) {
    assertEquals(formatAddress(address), text);
  }
});

Deno.test("resolveAddress() adds TLS options to an address without its own", () => {
  const tls = { caCerts: ["ours"] };
  const own = { caCerts: ["its own"] };
  assertEquals(resolveAddress({ port: 1, tls: own }, tls), {
    port: 1,
    tls: own,
  });
  assertEquals(resolveAddress({ port: 1 }, tls), { port: 1, tls });
  assertEquals(resolveAddress("tls://h:1", tls), {
    hostname: "h",
    port: 1,
    tls,
  });
  assertEquals(resolveAddress("tcp://h:1", tls), {
    hostname: "h",
    port: 1,
    tls,
  });
  assertEquals(resolveAddress({ port: 1, tls: undefined }, tls), {
    port: 1,
    tls,
  });
  assertEquals(resolveAddress({ memory: "m" }, undefined), { memory: "m" });
});

Deno.test("resolveAddress() never drops TLS options", () => {
  const tls = { caCerts: ["ours"] };
  const tcp = { transport: "tcp", hostname: "::1", port: 1 } as const;
  const unix = { transport: "unix", path: "/run/x" } as const;
  for (
    const [own, others] of [[tls, undefined], [undefined, tls]] as const
  ) {
    const withOwn = own === undefined ? {} : { tls: own };
    assertEquals(resolveAddress({ ...tcp, ...withOwn }, others), {
      hostname: "::1",
      port: 1,
      tls,
    });
    assertEquals(resolveAddress({ ...unix, ...withOwn }, others), {
      path: "/run/x",
      tls,
    });
    for (
      const memory of [{ memory: "m" }, { transport: "memory", name: "m" }]
    ) {
      assertThrows(
        () => resolveAddress({ ...memory, ...withOwn } as Address, others), // what JavaScript may pass
        TypeError,
        "Cannot use TLS with memory:m",
      );
    }
  }
  assertThrows(
    () => resolveAddress("memory:m", tls),
    TypeError,
    "omit 'tls'",
  );
  for (const value of [true, false, null, "yes"]) {
    assertThrows(
      () =>
        resolveAddress(
          { port: 1, tls: value } as unknown as Address,
          undefined,
        ), // what JavaScript may pass
      TypeError,
      "as 'tls'",
    );
  }
});

Deno.test("resolveAddress() rejects members that do not fit together", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ port: 1, host: "h" }, "'port' and 'host'"],
    [{ port: 1, path: "/x" }, "'path' and 'port'"],
    [{ memory: "m", port: 1 }, "'memory' and 'port'"],
    [{ path: "/x", hostname: "h" }, "'path' and 'hostname'"],
    [{ transport: "tcp", port: 1, tsl: {} }, "'transport' and 'tsl'"],
  ];
  for (const [address, part] of cases) {
    assertThrows(
      () => resolveAddress(address as Address, undefined), // what JavaScript may pass
      TypeError,
      part,
    );
  }
});

Deno.test("resolveAddress() accepts a socket's address if it can be connected to", () => {
  const tcp = { transport: "tcp", hostname: "::1", port: 9 };
  assertEquals(resolveAddress(tcp, undefined), { hostname: "::1", port: 9 });
  assertThrows(
    () => resolveAddress({ transport: "unix", path: null }, undefined),
    TransportError,
    "Cannot use unix: as an address",
  );
  assertThrows(
    () => resolveAddress({ transport: "websocket" }, undefined),
    TransportError,
  );
});

// Invariant: a formatted address parses to the same address.
Deno.test("parseAddress() is the inverse of formatAddress()", () => {
  const text = fc.string({ minLength: 1, unit: "grapheme" }).filter((value) =>
    !value.includes("\0") && value.isWellFormed()
  );
  const port = fc.integer({ min: 0, max: 65535 });
  const address = fc.oneof(
    fc.record({ hostname: fc.domain(), port }),
    fc.record({ hostname: fc.ipV6(), port }),
    fc.record({ path: text.filter((name) => !name.startsWith("//")) }),
    fc.record({ path: text.map((name) => `@${name}`) }),
    fc.record({ path: text.map((name) => `\0${name}`) }),
    fc.record({ memory: text }),
  );
  fc.assert(fc.property(address, (value) => {
    assertEquals(parseAddress(formatAddress(value)), value);
  }));
});

// Invariant: any text parses to an address or throws a TransportError that names it.
Deno.test("parseAddress() throws only TransportError", () => {
  const scheme = fc.constantFrom("tcp://", "tls://", "unix:", "memory:", "");
  fc.assert(fc.property(scheme, fc.string(), (head, tail) => {
    try {
      parseAddress(head + tail);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      assertEquals(error.code, "address-invalid");
    }
  }));
});

Deno.test("formatAddress() returns the zone of a socket's address as in a URL", () => {
  const socket = {
    transport: "tcp",
    hostname: "fe80::1%eth0",
    port: 7000,
  };
  assertEquals(formatAddress(socket), "tcp://[fe80::1%25eth0]:7000");
  assertEquals(resolveAddress(formatAddress(socket), undefined), {
    hostname: "fe80::1%eth0",
    port: 7000,
  });
});

/** Any Unicode character, as in `fc.string({ unit: "binary" })`, which takes long to create. */
const CODE_POINT = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
);

Deno.test("a zone does not leave its place in a URL, whatever it contains", () => {
  fc.assert(
    fc.property(fc.array(CODE_POINT, { minLength: 1 }), (codePoints) => {
      const zone = String.fromCodePoint(...codePoints);
      if (/[\s/?#@[\]\\]/.test(zone)) return; // not allowed in a host name
      const address = { hostname: `fe80::1%${zone}`, port: 7000 };
      assertEquals(parseAddress(formatAddress(address)), address);
    }),
  );
});

Deno.test("parts of a URL that no address has are rejected", () => {
  for (const kind of ["tcp", "tls"]) {
    for (
      const rest of ["user:pw@host:1", "host:1?x=1", "host:1#x", "host:1/path"]
    ) {
      assertThrows(() => parseAddress(`${kind}://${rest}`), TransportError);
    }
  }
});

Deno.test("zones of all forms survive the URL of their address", () => {
  for (const zone of ["eth0.1", "%", "a b", "a/b", "a]b", "ä", "25"]) {
    const address = { hostname: `fe80::1%${zone}`, port: 1 };
    const url = formatAddress(address);
    if (/[\s/\]]/.test(zone)) {
      assertThrows(() => parseAddress(url), TransportError); // no host name
      continue;
    }
    assertEquals(parseAddress(url), address);
    assertEquals(parseAddress(url.replace("tcp:", "tls:")), {
      ...address,
      tls: {},
    });
  }
});

Deno.test("resolveAddress() rejects what is neither an object nor a URL", () => {
  for (
    const [wrong, shown] of [[7000, "7000"], [null, "null"], [true, "true"]]
  ) {
    assertThrows(
      // deno-lint-ignore no-explicit-any -- not an address, as from JavaScript
      () => resolveAddress(wrong as any, undefined),
      TypeError,
      `Cannot use ${shown} as an address: expected an object such as`,
    );
  }
});
