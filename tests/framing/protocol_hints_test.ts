import { assertEquals } from "@std/assert";
import { hintOf } from "../../lib/framing/protocol_hints.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("hintOf() knows the first bytes of TLS records", none, () => {
  const handshake = "the bytes look like a TLS handshake";
  const cases: readonly [bytes: number[], hint: string | undefined][] = [
    [[0x16, 3, 1, 2], handshake],
    [[0x16, 3, 0], handshake], // the length is not needed
    [[0x16, 3, 4, 0, 0], handshake],
    [[0x16, 3, 5, 0, 0], undefined],
    [[0x16, 2, 1, 0, 0], undefined],
    [[0x16, 3], undefined],
    [[0x15, 3, 3, 0, 2], "the bytes look like a TLS alert"],
    [[0x17, 3, 3, 0, 2], undefined],
    [[], undefined],
  ];
  for (const [bytes, hint] of cases) {
    assertEquals(hintOf(new Uint8Array(bytes)), hint, String(bytes));
  }
});

Deno.test(
  "hintOf() knows the first four characters of other protocols",
  none,
  () => {
    const hint = (text: string) => hintOf(new TextEncoder().encode(text));
    const request = "the bytes look like an HTTP request";
    for (
      const method of ["GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE", "PATC"]
    ) assertEquals(hint(method), request, method);
    assertEquals(hint("CONNECT a:1"), request);
    assertEquals(hint("TRACE /"), request);
    assertEquals(hint("HTTP/1.1 400"), "the bytes look like an HTTP response");
    assertEquals(
      hint("PRI * HTTP/2.0"),
      "the bytes look like an HTTP/2 connection preface",
    );
    assertEquals(hint("SSH-2.0"), "the bytes look like an SSH banner");
    for (const text of ["GET", "get ", "SSH", "tea!"]) {
      assertEquals(hint(text), undefined, text);
    }
  },
);
