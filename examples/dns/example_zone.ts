/**
 * The zone that this example serves.
 *
 * Its names and addresses are reserved for examples (RFC 2606, RFC 5737,
 * RFC 3849).
 *
 * @module
 */
import type { RecordData, ResourceRecord } from "./records.ts";

const HOUR = 3600;

/** All records of `example.test.` */
export const EXAMPLE_ZONE: readonly ResourceRecord[] = [
  record("example.test.", "SOA", [
    "ns.example.test.",
    "hostmaster.example.test.",
    2026010101, // serial
    7200,
    900,
    1209600,
    300, // seconds for which NXDOMAIN may be cached
  ]),
  record("example.test.", "NS", ["ns.example.test."]),
  record("example.test.", "MX", [10, "mail.example.test."]),
  record("example.test.", "MX", [20, "mail2.example.test."]),
  record("example.test.", "TXT", ["v=spf1 mx -all"]),
  record("example.test.", "A", ["192.0.2.80"]),
  record("ns.example.test.", "A", ["192.0.2.53"]),
  record("ns.example.test.", "AAAA", ["2001:db8::53"]),
  record("mail.example.test.", "A", ["192.0.2.25"]),
  record("mail2.example.test.", "AAAA", ["2001:db8:0:1::25"]),
  record("www.example.test.", "CNAME", ["example.test."]),
  record("_imaps._tcp.example.test.", "SRV", [0, 1, 993, "mail.example.test."]),
  record("*.users.example.test.", "A", ["192.0.2.99"]),
  record("long.example.test.", "TXT", [
    "Over TCP a response may be longer than 512 bytes.",
    ..."abcdefgh".split("").map((letter) => letter.repeat(250)),
  ]),
];

function record(name: string, type: string, data: RecordData): ResourceRecord {
  return { name, type, ttl: HOUR, data };
}
