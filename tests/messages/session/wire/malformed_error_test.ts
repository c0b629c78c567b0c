import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeText,
  MalformedError,
} from "../../../../lib/messages/session/wire/malformed_error.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "decodeText() keeps a byte order mark and rejects invalid UTF-8",
  pure,
  () => {
    assertEquals(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
    assertThrows(
      () => decodeText(Uint8Array.of(0xc3)),
      MalformedError,
      "UTF-8",
    );
  },
);
