import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  decodeRefusal,
  decodeResume,
  decodeResumed,
  decodeToken,
  encodeRefusal,
  encodeResume,
  encodeResumed,
  encodeToken,
} from "../../../../lib/messages/session/wire/resumption.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

const POINT = { generation: 3, received: 2 ** 53 - 1, firstKept: 7 };
const TOKEN = new Uint8Array(32).map((_, index) => index);

Deno.test("the entries for resumption survive a round trip", pure, () => {
  const token = { grace: 30_000, secret: TOKEN };
  assertEquals(decodeToken(encodeToken(token)), token);
  assertEquals(decodeResumed(encodeResumed(POINT)), POINT);
  const resumption = { ...POINT, token: TOKEN };
  assertEquals(decodeResume(encodeResume(resumption)), resumption);
  for (const received of [undefined, 0, 12]) {
    const refusal = { reason: "not-kept", received } as const;
    assertEquals(decodeRefusal(encodeRefusal(refusal)), refusal);
  }
});

Deno.test("malformed entries for resumption are rejected", pure, () => {
  const bytes = (length: number, fill = 0) => new Uint8Array(length).fill(fill);
  assertThrows(() => decodeToken(bytes(19)), MalformedError);
  assertThrows(() => decodeToken(bytes(69)), MalformedError);
  assertThrows(() => decodeResumed(bytes(19)), MalformedError);
  assertThrows(() => decodeResumed(bytes(20, 0xff)), MalformedError);
  assertThrows(() => decodeResume(bytes(35)), MalformedError);
  assertThrows(() => decodeRefusal(bytes(0)), MalformedError);
  assertThrows(() => decodeRefusal(bytes(8)), MalformedError);
  assertThrows(() => decodeRefusal(bytes(9, 0xff)), MalformedError);
  assertEquals(decodeRefusal(bytes(1, 77))?.reason, "unknown");
});

Deno.test("tokens of 16 to 64 bytes are accepted, and no others", pure, () => {
  for (
    const [length, accepted] of [[15, false], [16, true], [64, true], [
      65,
      false,
    ]] as const
  ) {
    const secret = new Uint8Array(length).fill(7);
    for (
      const decode of [
        () => decodeToken(encodeToken({ grace: 1, secret }))?.secret,
        () => decodeResume(encodeResume({ ...POINT, token: secret }))?.token,
      ]
    ) {
      if (accepted) assertEquals(decode(), secret);
      else assertThrows(decode, MalformedError, `a token has ${length} bytes`);
    }
  }
});
