/**
 * Parses the subject's alternative names from a certificate's DER.
 *
 * The text form that runtimes provide is ambiguous, because a DNS name may
 * contain `", DNS:"`.
 *
 * @module
 */

import type { SubjectAltName } from "../peer_certificate.ts";

const EXTENSIONS = 0xa3;
const OCTET_STRING = 0x04;
/** The bytes of OID 2.5.29.17. */
const SUBJECT_ALT_NAME = "85,29,17";

/** Context tags of GeneralName; the other, rare kinds are omitted. */
const TYPES: Readonly<Record<number, SubjectAltName["type"]>> = {
  0x81: "email",
  0x82: "dns",
  0x86: "uri",
  0x87: "ip",
};

interface Element {
  tag: number;
  value: Uint8Array;
}

/**
 * Returns the subject's alternative names.
 *
 * @param der a certificate
 * @returns its names; empty if the certificate does not have the extension
 * @throws {RangeError} if the bytes are not a certificate
 */
export function subjectAltNames(der: Uint8Array): SubjectAltName[] {
  const tbs = inside(inside(der));
  const wrapper = elements(tbs).find(({ tag }) => tag === EXTENSIONS);
  if (wrapper === undefined) return [];
  for (const extension of elements(inside(wrapper.value))) {
    const [id, ...rest] = elements(extension.value);
    if (id?.value.join() !== SUBJECT_ALT_NAME) continue;
    const octets = rest.find(({ tag }) => tag === OCTET_STRING);
    if (octets === undefined) throw malformed();
    return elements(inside(octets.value)).flatMap(generalName);
  }
  return [];
}

function generalName({ tag, value }: Element): SubjectAltName[] {
  const type = TYPES[tag];
  if (type === undefined) return [];
  return [{ type, value: type === "ip" ? ip(value) : latin1(value) }];
}

function ip(bytes: Uint8Array): string {
  if (bytes.length !== 16) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from(
    { length: 8 },
    (_, i) => view.getUint16(i * 2).toString(16),
  );
  return groups.join(":");
}

/** Decodes an IA5String; bytes above ASCII become one character each. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Returns the value of the first element. */
function inside(der: Uint8Array): Uint8Array {
  const [first] = elements(der);
  if (first === undefined) throw malformed();
  return first.value;
}

/** Parses the tag, length and value of each element (X.690, 8.1). */
function elements(der: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < der.length;) {
    const tag = der[at] ?? 0;
    let length = der[at + 1] ?? 0;
    at += 2;
    if (length > 0x80) {
      // The low seven bits are the number of length bytes that follow.
      const end = at + (length & 0x7f);
      for (length = 0; at < end; at++) length = length * 256 + (der[at] ?? 0);
    }
    if (at + length > der.length) throw malformed();
    found.push({ tag, value: der.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function malformed(): RangeError {
  return new RangeError("Cannot read the certificate as its DER is malformed");
}
