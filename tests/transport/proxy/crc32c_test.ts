import { assertEquals } from "@std/assert";
import { crc32c } from "../../../lib/transport/proxy/crc32c.ts";
import { ascii } from "./headers.ts";

Deno.test("crc32c() returns the checksums of RFC 3720, appendix B.4", () => {
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(
    crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)),
    0x46dd794e,
  );
  assertEquals(crc32c(ascii("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(0)), 0);
});
