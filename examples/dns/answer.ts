/**
 * Turns encoded queries into encoded responses.
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type Question,
  Rcode,
} from "./message.ts";
import { IN, type ResourceRecord } from "./records.ts";
import type { Zone } from "./zone.ts";

/** Bit positions within an option record's TTL (RFC 6891, 6.1.3). */
const VERSION_SHIFT = 16;
const EXTENDED_RCODE_SHIFT = 24;
/** UDP payload size to advertise; RFC 6891 requires a value even over TCP. */
const PAYLOAD_SIZE = 1232;
/** Types that request zone transfers (RFC 5936, RFC 1995). */
const TRANSFERS: readonly string[] = ["AXFR", "IXFR"];

/**
 * Answers a query with the records of a zone.
 *
 * @returns the response, or `undefined` if `bytes` is a response; two
 * servers could otherwise answer each other forever
 */
export function answer(zone: Zone, bytes: Uint8Array): Uint8Array | undefined {
  let query: Message;
  try {
    query = decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return unreadable(bytes);
  }
  if (query.response) return undefined;
  const response = respond(zone, query);
  try {
    return encodeMessage(response);
  } catch (error) {
    // The response exceeds the maximum length of a message.
    if (!(error instanceof DnsFormatError)) throw error;
    return encodeMessage(empty(query, Rcode.SERVFAIL));
  }
}

function respond(zone: Zone, query: Message): Message {
  const [question, ...more] = query.questions;
  const options = query.additionals.filter(({ type }) => type === "OPT");
  const [option] = options;
  const version = (option?.ttl ?? 0) >> VERSION_SHIFT & 0xff;
  if (query.opcode !== 0) return empty(query, Rcode.NOTIMP);
  if (question === undefined || more.length > 0 || options.length > 1) {
    return empty(query, Rcode.FORMERR);
  }
  if (version !== 0) return empty(query, Rcode.BADVERS);
  if (question.class !== IN || TRANSFERS.includes(question.type)) {
    return empty(query, Rcode.REFUSED);
  }
  return { ...empty(query, Rcode.NOERROR), ...found(zone, question) };
}

function found(zone: Zone, { name, type }: Question): Partial<Message> {
  const lookup = zone.lookup(name, type);
  return { ...lookup, authoritative: lookup.rcode !== Rcode.REFUSED };
}

/** Returns an empty response; includes OPT if the query does. */
function empty(query: Message, rcode: number): Message {
  const asksWithOptions = query.additionals.some(({ type }) => type === "OPT");
  return {
    ...query,
    response: true,
    authoritative: false,
    truncated: false,
    recursionAvailable: false,
    rcode,
    answers: [],
    authorities: [],
    additionals: asksWithOptions ? [optionRecord(rcode)] : [],
  };
}

function optionRecord(rcode: number): ResourceRecord {
  return {
    name: ".",
    type: "OPT",
    class: PAYLOAD_SIZE,
    ttl: rcode >> 4 << EXTENDED_RCODE_SHIFT,
    data: ["\\#", 0, ""],
  };
}

/** Returns a FORMERR response, or `undefined` if the header is a response's. */
function unreadable(bytes: Uint8Array): Uint8Array | undefined {
  const header = bytes.slice(0, 12);
  header.fill(0, 4); // no questions, no records
  const query = decodeMessage(header);
  if (query.response) return undefined;
  return encodeMessage(empty(query, Rcode.FORMERR));
}
