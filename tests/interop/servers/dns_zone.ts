/**
 * The zone of the DNS example in zone file format, and questions about it.
 *
 * @module
 */
import { EXAMPLE_ZONE } from "../../../examples/dns/example_zone.ts";
import { IN, type ResourceRecord } from "../../../examples/dns/records.ts";

/** Records of the example, and records that are harder to encode. */
export const RECORDS: readonly ResourceRecord[] = [
  ...EXAMPLE_ZONE,
  record("type65280.example.test.", "TYPE65280", ["\\#", 5, "00ff7f2041"]),
  record("a\\.dot.example.test.", "A", ["192.0.2.1"]),
  record("\\000\\032\\195\\169.example.test.", "A", ["192.0.2.2"]),
  record("quotes.example.test.", "TXT", [
    'say \\"so\\"',
    "",
    "\\\\ and \\195\\169",
  ]),
  record("mapped.example.test.", "AAAA", ["::ffff:192.0.2.1"]),
  record("zero.example.test.", "AAAA", ["::"]),
  record("run.example.test.", "AAAA", ["2001:db8::1:0:0:1"]),
  record(`${"l".repeat(63)}.${"m".repeat(63)}.example.test.`, "A", [
    "192.0.2.3",
  ]),
  record("deep.below.nothing.example.test.", "PTR", ["example.test."]),
  record("chain.example.test.", "CNAME", ["www.example.test."]),
  record("dangling.example.test.", "CNAME", ["missing.example.test."]),
  record("outside.example.test.", "CNAME", ["www.example.org."]),
  // A response of about 50,000 bytes.
  ...Array.from(
    { length: 200 },
    (_, i) => record("large.example.test.", "TXT", [`${i} ${"x".repeat(240)}`]),
  ),
];

/** Every name with every type, and names that do not exist. */
export const QUESTIONS: readonly (readonly [name: string, type: string])[] = [
  ...new Set([
    ...RECORDS.map(({ name }) => name),
    "missing.example.test.",
    "below.nothing.example.test.",
    "x.deep.below.nothing.example.test.",
    "any.body.users.example.test.",
    "EXAMPLE.test.",
    "WwW.eXample.TEST.",
    "example.org.",
    "test.",
    ".",
  ]),
].flatMap((name) =>
  ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "TYPE65280"]
    .map((type) => [name, type] as const)
);

/** Formats a record as in a zone file, like `dig` except for whitespace. */
export function line(record: ResourceRecord): string {
  const { name, ttl, type, data } = record;
  const values = type === "TXT" ? data.map((text) => `"${text}"`) : data;
  const recordClass = record.class ?? IN;
  return `${name} ${ttl} ${recordClass === IN ? "IN" : recordClass} ${type} ${
    values.join(" ")
  }`;
}

/**
 * Formats records for comparison.
 *
 * Sets of records have no order, and a server spells a name as in the query
 * wherever it is the end of another name.
 */
export function lines(records: readonly ResourceRecord[]): string[] {
  return records.map((record) => line(record).toLowerCase()).sort();
}

function record(
  name: string,
  type: string,
  data: ResourceRecord["data"],
): ResourceRecord {
  return { name, type, ttl: 3600, data };
}
