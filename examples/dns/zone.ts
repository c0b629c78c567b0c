/**
 * A zone: the authoritative records of a name and the names below it.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { Rcode } from "./message.ts";
import { type ResourceRecord, writeData } from "./records.ts";
import { canonicalName, nameToLabels, nameToText } from "./text.ts";
import { Writer } from "./writer.ts";

/** Result of looking up a name in a zone. */
export interface Lookup {
  /** NOERROR, NXDOMAIN, or REFUSED for a name outside the zone. */
  rcode: number;
  answers: ResourceRecord[];
  /** The zone's SOA in a negative response, for caching (RFC 2308). */
  authorities: ResourceRecord[];
}

/**
 * A zone with wildcards (RFC 4592) and aliases, without delegations or DNSSEC.
 */
export class Zone {
  readonly #origin: string;
  readonly #denial: ResourceRecord;
  /** Records by canonical name, including names with no records of their own. */
  readonly #names = new Map<string, ResourceRecord[]>();

  /**
   * @param records all records of the zone; the owner of the SOA is the zone's
   * origin
   * @throws {DnsFormatError} if the zone is invalid: a name outside the zone,
   * no SOA or more than one, a delegation, an alias with other records, or data
   * that cannot be encoded
   */
  constructor(records: readonly ResourceRecord[]) {
    const [soa, ...more] = records.filter(({ type }) => type === "SOA");
    if (soa === undefined || more.length > 0) {
      throw new DnsFormatError(
        `Cannot create a zone with ${
          more.length + Number(!!soa)
        } SOA records; expected one`,
      );
    }
    this.#origin = canonicalName(soa.name);
    const minimum = Number(soa.data.at(-1));
    this.#denial = { ...soa, ttl: Math.min(soa.ttl, minimum) };
    for (const record of records) this.#add(record);
    for (const [name, beside] of this.#names) {
      if (beside.length > 1 && beside.some(({ type }) => type === "CNAME")) {
        throw new DnsFormatError(
          `Cannot create a zone: ${name} is an alias and cannot have other records`,
        );
      }
    }
  }

  /** Looks up a name (RFC 1034, 4.3.2). */
  lookup(name: string, type: string): Lookup {
    const answers: ResourceRecord[] = [];
    const seen = new Set<string>();
    for (let owner = name;;) {
      const key = canonicalName(owner);
      if (!this.#has(key)) {
        const rcode = answers.length > 0 ? Rcode.NOERROR : Rcode.REFUSED;
        return { rcode, answers, authorities: [] };
      }
      const records = this.#find(key);
      if (records === undefined) return this.#deny(Rcode.NXDOMAIN, answers);
      const wanted = records.filter((record) =>
        record.type === type || type === "ANY" || record.type === "CNAME"
      ).map((record) => ({ ...record, name: owner })); // spelled as in the query
      if (wanted.length === 0) return this.#deny(Rcode.NOERROR, answers);
      answers.push(...wanted);
      const [alias] = wanted;
      seen.add(key);
      if (alias?.type !== "CNAME" || type === "CNAME" || type === "ANY") break;
      owner = String(alias.data[0]);
      if (seen.has(canonicalName(owner))) break; // a cycle of aliases
    }
    return { rcode: Rcode.NOERROR, answers, authorities: [] };
  }

  #add(record: ResourceRecord): void {
    const key = canonicalName(record.name);
    if (!this.#has(key)) {
      throw new DnsFormatError(
        `Cannot create a zone: ${record.name} is not in ${this.#origin}`,
      );
    }
    if (record.type === "NS" && key !== this.#origin) {
      throw new DnsFormatError(
        `Cannot create a zone: ${record.name} is delegated, which is not supported`,
      );
    }
    writeData(new Writer(), record.type, record.data); // throws if the data is invalid
    this.#records(key).push(record);
    // A name also exists if there is a name below it.
    for (let above = key; above !== this.#origin; above = parentOf(above)) {
      this.#records(parentOf(above));
    }
  }

  #records(key: string): ResourceRecord[] {
    const records = this.#names.get(key) ?? [];
    this.#names.set(key, records);
    return records;
  }

  #has(key: string): boolean {
    return key === this.#origin || this.#origin === "." ||
      key.endsWith(`.${this.#origin}`);
  }

  /** Returns the records of a name, or of the closest wildcard. */
  #find(key: string): ResourceRecord[] | undefined {
    const records = this.#names.get(key);
    if (records !== undefined) return records;
    let encloser = key;
    while (!this.#names.has(encloser)) encloser = parentOf(encloser);
    return this.#names.get(encloser === "." ? "*." : `*.${encloser}`);
  }

  #deny(rcode: number, answers: ResourceRecord[]): Lookup {
    return { rcode, answers, authorities: [this.#denial] };
  }
}

function parentOf(name: string): string {
  return nameToText(nameToLabels(name).slice(1));
}
