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
