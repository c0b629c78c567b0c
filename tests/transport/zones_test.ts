/**
 * IPv6 zones in URLs, both ways.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatAddress, parseAddress } from "../../lib/transport/address.ts";
import { connect } from "../../lib/transport/connect.ts";
import { TransportError } from "../../lib/transport/errors.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("an address with a zone survives its URL form", none, () => {
  for (const zone of ["eth0", "wlan0.5", "br-12", "2"]) {
    const address = { hostname: `fe80::1%${zone}`, port: 7000 };
    assertEquals(parseAddress(formatAddress(address)), address);
    const secure = { ...address, tls: {} };
    assertEquals(parseAddress(formatAddress(secure)), secure);
  }
  for (
    const url of [
      "tcp://[fe80::1%25eth0]:7000",
      "tls://[fe80::1%25eth0]:7000",
      "tcp://[::1]:7000",
    ]
  ) {
    assertEquals(formatAddress(parseAddress(url)), url);
    assertEquals(
      formatAddress({
        transport: "tcp",
        hostname: "fe80::1%eth0",
        port: 1,
      }),
      "tcp://[fe80::1%25eth0]:1",
    );
  }
});

Deno.test("a zone without its escape is explained", none, () => {
  for (const url of ["tcp://[fe80::1%eth0]:7000", "tcp://[fe80::1%25]:7000"]) {
    try {
      parseAddress(url);
      throw new Error(`${url} was parsed`);
    } catch (error) {
      assert(error instanceof TransportError, String(error));
      assertEquals(error.code, "address-invalid");
    }
  }
});

Deno.test("an error of connect() names an address with a zone", async () => {
  const error = await assertRejects(
    () => connect({ hostname: "fe80::1%none0", port: 9 }, { timeout: 1_000 }),
    TransportError,
  );
  assertEquals(error.address, "tcp://[fe80::1%25none0]:9");
});

Deno.test("a WebSocket URL with a zone is explained", async () => {
  const error = await assertRejects(
    () => connect("ws://[fe80::1%25lo]:9/", { timeout: 1_000 }),
    TransportError,
  );
  assert(error.address.includes("fe80::1"), error.address);
});
