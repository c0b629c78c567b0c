import { assertEquals, assertThrows } from "@std/assert";
import {
  formatIp,
  IpRanges,
  parseIp,
} from "../../../lib/transport/proxy/ip_address.ts";

Deno.test("formatIp() writes what parseIp() reads, as RFC 5952 recommends", () => {
  const same = [
    "0.0.0.0",
    "255.255.255.255",
    "192.0.2.1",
    "::",
    "::1",
    "1::",
    "2001:db8::1",
    "2001:db8:0:1:1:1:1:1", // a single group of zeros is not shortened
    "2001:0:0:1::1", // the longest run is shortened
    "2001:db8::1:0:0:1", // of two, the first one
    "1:2:3:4:5:6:7:8",
    "::ffff:192.0.2.1",
  ];
  for (const text of same) assertEquals(formatIp(parseIp(text)!), text);
  const others: [string, string][] = [
    ["2001:DB8::0001", "2001:db8::1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["::192.0.2.1", "::c000:201"],
    ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"],
    ["::ffff:c000:0201", "::ffff:192.0.2.1"],
  ];
  for (const [text, expected] of others) {
    assertEquals(formatIp(parseIp(text)!), expected, text);
  }
});

Deno.test("parseIp() rejects what is not an address", () => {
  const texts = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3.-4",
    "0x1.2.3.4",
    " 1.2.3.4",
    "localhost",
    ":",
    ":::",
    "1::2::3",
    "12345::",
    "g::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8", // "::" stands for at least one group
    "1.2.3.4::",
    "::1.2.3.4:5",
    "fe80::1%eth0",
  ];
  for (const text of texts) assertEquals(parseIp(text), undefined, text);
});

Deno.test("IpRanges.has() compares the leading bits", () => {
  const has = (range: string, hostname: string) =>
    new IpRanges([range], () => {
      throw new Error(range);
    }).has(hostname);
  assertEquals(has("10.0.0.0/8", "10.255.1.2"), true);
  assertEquals(has("10.0.0.0/8", "11.0.0.0"), false);
  assertEquals(has("10.9.9.9/8", "10.1.1.1"), true); // any address of the range
  assertEquals(has("172.16.0.0/12", "172.31.255.255"), true);
  assertEquals(has("172.16.0.0/12", "172.32.0.0"), false);
  assertEquals(has("192.0.2.1", "192.0.2.1"), true);
  assertEquals(has("192.0.2.1", "192.0.2.2"), false);
  assertEquals(has("192.0.2.0/31", "192.0.2.1"), true);
  assertEquals(has("0.0.0.0/0", "203.0.113.9"), true);
  assertEquals(has("0.0.0.0/0", "2001:db8::1"), false);
  assertEquals(has("2001:db8::/33", "2001:db8:7fff::1"), true);
  assertEquals(has("2001:db8::/33", "2001:db8:8000::1"), false);
  assertEquals(has("fe80::/10", "fe80::1%eth0"), true);
  // Sockets for both families report IPv4 peers as IPv6.
  assertEquals(has("10.0.0.0/8", "::ffff:10.1.2.3"), true);
  assertEquals(has("::ffff:10.0.0.0/104", "10.1.2.3"), true);
  assertEquals(has("10.0.0.0/8", "localhost"), false);
  assertEquals(has("10.0.0.0/8", ""), false);
});

Deno.test("IpRanges() reports a text that is not a range", () => {
  const texts = ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "::/129"];
  for (const text of [...texts, "10.0.0.0/8/8", "example.org"]) {
    assertThrows(() =>
      new IpRanges(["10.0.0.0/8", text], (invalid) => {
        assertEquals(invalid, text);
        throw new TypeError(invalid);
      }), TypeError);
  }
});
