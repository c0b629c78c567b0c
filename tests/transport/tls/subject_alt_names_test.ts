import { assertEquals, assertThrows } from "@std/assert";
import { subjectAltNames } from "../../../lib/transport/tls/subject_alt_names.ts";
import { authority, server } from "./certificates.ts";

function der(pem: string): Uint8Array {
  return Uint8Array.from(
    atob(pem.replace(/-----[^-]+-----|\s/g, "")),
    (character) => character.charCodeAt(0),
  );
}

const NAMES = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
] as const;

Deno.test("subjectAltNames() returns the names of a certificate", () => {
  assertEquals(subjectAltNames(der(server.cert)), [...NAMES]);
});

Deno.test("subjectAltNames() returns nothing without the extension", async () => {
  const { cert } = await authority.issue({ subject: "CN=nameless" });
  assertEquals(subjectAltNames(der(cert)), []);
});

Deno.test("subjectAltNames() parses lengths of several bytes", async () => {
  const names = Array.from(
    { length: 2_000 },
    (_, index) => ({ type: "dns" as const, value: `host-${index}.example` }),
  );
  const { cert } = await authority.issue({ subject: "CN=many", names });
  assertEquals(subjectAltNames(der(cert)), names);
});

Deno.test("subjectAltNames() rejects a truncated certificate", () => {
  const whole = der(server.cert);
  for (let length = 0; length < whole.length; length++) {
    assertThrows(
      () => subjectAltNames(whole.subarray(0, length)),
      RangeError,
      "DER is malformed",
    );
  }
});

Deno.test("subjectAltNames() throws only RangeError for damaged certificates", () => {
  const whole = der(server.cert);
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0x00, 0x7f, 0x80, 0x84, 0xff]) {
      const damaged = whole.slice();
      damaged[at] = value;
      try {
        subjectAltNames(damaged);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }
});

/** Returns an element of DER with a length of one byte, or of two. */
function element(tag: number, ...parts: (number | number[])[]): number[] {
  const value = parts.flat();
  const { length } = value;
  return length > 127
    ? [tag, 0x82, length >> 8, length & 255, ...value]
    : [tag, length, ...value];
}

const SEQUENCE = 0x30;
const OID = [0x06, 3, 85, 29, 17];

/** Returns a certificate with only what is read of it. */
function certificate(...extensions: number[][]): Uint8Array {
  const list = element(SEQUENCE, ...extensions);
  const tbs = element(SEQUENCE, element(0x02, 1), element(0xa3, list));
  return new Uint8Array(element(SEQUENCE, tbs));
}

/** Returns the extension with some names. */
function extension(...names: number[][]): number[] {
  const octets = element(0x04, element(SEQUENCE, ...names));
  return element(SEQUENCE, OID, element(0x01, 255), octets);
}

Deno.test("subjectAltNames() reads each kind of name, and finds its extension", () => {
  const ipv6 = [32, 1, 13, 184, ...new Array(11).fill(0), 1];
  const names = extension(
    element(0x81, 97, 64, 98),
    element(0x82, 97, 46, 98),
    element(0x82),
    element(0x84, 1, 2), // a directory name
    element(0x86, 117, 58, 233),
    element(0x87, 10, 0, 0, 1),
    element(0x87, ipv6),
    element(0x82, new Array(200).fill(120)),
  );
  const other = element(SEQUENCE, [0x06, 3, 85, 29, 15], element(0x04, 1));
  assertEquals(subjectAltNames(certificate(other, names)), [
    { type: "email", value: "a@b" },
    { type: "dns", value: "a.b" },
    { type: "dns", value: "" },
    { type: "uri", value: "u:\u00e9" },
    { type: "ip", value: "10.0.0.1" },
    { type: "ip", value: "2001:db8:0:0:0:0:0:1" },
    { type: "dns", value: "x".repeat(200) },
  ]);
  assertEquals(subjectAltNames(certificate(other)), []);
  assertEquals(subjectAltNames(certificate()), []);
});

Deno.test("subjectAltNames() rejects elements that are not whole", () => {
  const broken: readonly number[][] = [
    [SEQUENCE], // a tag without a length
    [...extension(), SEQUENCE],
    extension([0x82]),
    extension([0x82, 2, 97]),
    extension([0x82, 0x81, 1]),
    extension(element(0x82, 97), [0x82]),
    element(SEQUENCE, OID, element(0x01, 255)), // without octets
    element(SEQUENCE, OID, element(0x04)), // without a list
  ];
  for (const bytes of broken) {
    assertThrows(
      () => subjectAltNames(certificate(bytes)),
      RangeError,
      "DER is malformed",
      String(bytes),
    );
  }
});
