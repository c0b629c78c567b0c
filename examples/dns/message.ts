/**
 * DNS messages (RFC 1035, 4.1), without the length prefix that TCP requires.
 *
 * ```text
 * ┌────┬───────┬──────────────────┬───────────┬─────────┬─────────────┬─────────────┐
 * │ id │ flags │ four counts      │ questions │ answers │ authorities │ additionals │
 * └────┴───────┴──────────────────┴───────────┴─────────┴─────────────┴─────────────┘
 * ```
 *
 * @module
 */
import { DnsFormatError } from "./errors.ts";
import { Reader } from "./reader.ts";
import {
  IN,
  readData,
  type ResourceRecord,
  typeCode,
  typeName,
  writeData,
} from "./records.ts";
import { Writer } from "./writer.ts";

/** Response codes (RFC 1035, 4.1.1; RFC 6891, 9). */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const; // keeps the literal types

/** The question of a query. */
export interface Question {
  name: string;
  /** `A`, `MX`, …, `ANY`. */
  type: string;
  /** @default {1}, the Internet */
  class?: number;
}

/** A query or a response. */
export interface Message {
  /** Id of the query, repeated in the response. */
  id: number;
  /** Whether the message is a response (QR). */
  response: boolean;
  /** Kind of query; 0 is a standard query. */
  opcode: number;
  /** Whether the server is authoritative for the zone (AA). */
  authoritative: boolean;
  /** Whether the message was truncated to fit the transport (TC). */
  truncated: boolean;
  /** Whether the server should query other servers (RD). */
  recursionDesired: boolean;
  /** Whether the server can query other servers (RA). */
  recursionAvailable: boolean;
  /** Lower four bits of a response code ({@linkcode Rcode}). */
  rcode: number;
  questions: Question[];
  answers: ResourceRecord[];
  authorities: ResourceRecord[];
  additionals: ResourceRecord[];
}

/** Bit positions of the flags in the second 16 bits. */
const QR = 15;
const OPCODE = 11;
const AA = 10;
const TC = 9;
const RD = 8;
const RA = 7;

const OPT = "OPT";
/** Largest TTL; larger values count as 0 (RFC 2181, 8). */
const MAX_TTL = 0x7fff_ffff;

/**
 * Decodes a message.
 *
 * @throws {DnsFormatError} if it is truncated, if bytes are left over, or if a
 * name, a pointer or the data of a record is invalid
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new Reader(bytes);
  const id = reader.u16();
  const flags = reader.u16();
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = Array
    .from({ length: 4 }, () => reader.u16());
  const flag = (bit: number) => (flags >> bit & 1) === 1;
  const message: Message = {
    id,
    response: flag(QR),
    opcode: flags >> OPCODE & 0xf,
    authoritative: flag(AA),
    truncated: flag(TC),
    recursionDesired: flag(RD),
    recursionAvailable: flag(RA),
    rcode: flags & 0xf,
    questions: times(questions, () => readQuestion(reader)),
    answers: times(answers, () => readRecord(reader)),
    authorities: times(authorities, () => readRecord(reader)),
    additionals: times(additionals, () => readRecord(reader)),
  };
  if (reader.left === 0) return message;
  throw new DnsFormatError(
    `Cannot read a DNS message: ${reader.left} bytes are left over`,
  );
}

/**
 * Encodes a message.
 *
 * @throws {DnsFormatError} if a name or data cannot be encoded, or if the
 * message is longer than 65,535 bytes
 */
export function encodeMessage(message: Message): Uint8Array {
  const { questions, answers, authorities, additionals } = message;
  const writer = new Writer();
  writer.u16(message.id);
  writer.u16(
    Number(message.response) << QR |
      (message.opcode & 0xf) << OPCODE |
      Number(message.authoritative) << AA |
      Number(message.truncated) << TC |
      Number(message.recursionDesired) << RD |
      Number(message.recursionAvailable) << RA |
      message.rcode & 0xf,
  );
  for (const { length } of [questions, answers, authorities, additionals]) {
    writer.u16(length);
  }
  for (const question of questions) {
    writer.name(question.name, { compress: true });
    writer.u16(typeCode(question.type));
    writer.u16(question.class ?? IN);
  }
  for (const record of [...answers, ...authorities, ...additionals]) {
    writeRecord(writer, record);
  }
  return writer.finish();
}

/** Reads `count` elements; memory grows with the elements read, not with `count`. */
function times<T>(count: number, read: () => T): T[] {
  const list: T[] = [];
  while (list.length < count) list.push(read());
  return list;
}

function readQuestion(reader: Reader): Question {
  const name = reader.name();
  return { name, type: typeName(reader.u16()), class: reader.u16() };
}

function readRecord(reader: Reader): ResourceRecord {
  const { name, type, class: recordClass = IN } = readQuestion(reader);
  const ttl = reader.u32();
  const data = reader.section(reader.u16(), () => readData(reader, type));
  // The option record has flags in place of a TTL.
  const valid = type === OPT || ttl <= MAX_TTL;
  return { name, type, class: recordClass, ttl: valid ? ttl : 0, data };
}

function writeRecord(writer: Writer, record: ResourceRecord): void {
  writer.name(record.name, { compress: true });
  writer.u16(typeCode(record.type));
  writer.u16(record.class ?? IN);
  writer.u32(record.ttl);
  writer.sized(() => writeData(writer, record.type, record.data));
}
