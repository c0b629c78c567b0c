/** One frame of each kind: its decoded content, and its encoding. */
import { assertEquals } from "@std/assert";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import {
  decodeError,
  encodeError,
} from "../../../lib/messages/session/wire/error_frame.ts";
import {
  Field,
  fieldsEnd,
  metadataField,
  NO_FIELDS,
  putFields,
  readFields,
} from "../../../lib/messages/session/wire/fields.ts";
import {
  decodeGoaway,
  encodeGoaway,
} from "../../../lib/messages/session/wire/goaway.ts";
import {
  decodeHello,
  encodeHello,
} from "../../../lib/messages/session/wire/hello.ts";
import {
  Kind,
  putHeader,
  readId,
} from "../../../lib/messages/session/wire/frame_header.ts";
import { bytesOf, VECTORS } from "./wire_vectors.ts";
import { jsonOf } from "./wire_values.ts";

const PURE = { permissions: "none" } as const;
const codec = msgpack();

/** Offset of the fields of each kind, after the header. */
const FIELDS_AT: Readonly<Record<number, number>> = {
  [Kind.REQUEST]: 2,
  [Kind.NOTIFY]: 2,
  [Kind.ITEM]: 0,
  [Kind.RESULT]: 0,
};

for (const { name, kind, flags, id, bytes, says } of VECTORS.frames) {
  const frame = bytesOf(bytes).subarray(4);
  const body = frame.subarray(8);

  Deno.test(`header of ${name}`, PURE, () => {
    assertEquals([frame[0], frame[1], readId(frame)], [kind, flags, id]);
    const header = new Uint8Array(8);
    putHeader(header, 0, kind, flags, id);
    assertEquals(header, frame.subarray(0, 8));
  });

  if (kind === Kind.HELLO) {
    Deno.test(`decodeHello() and encodeHello() of ${name}`, PURE, () => {
      const hello = decodeHello(body, 1024);
      const { auth, spread, ...rest } = hello;
      assertEquals(
        {
          version: "1.0",
          ...rest,
          ...(auth === undefined ? {} : { auth: codec.decode(auth) }),
          ...(spread === undefined ? {} : { spread }),
        },
        says,
      );
      assertEquals(encodeHello(hello), body);
    });
  }

  if (kind === Kind.GOAWAY) {
    Deno.test(`decodeGoaway() and encodeGoaway() of ${name}`, PURE, () => {
      const goaway = decodeGoaway(frame);
      const { code, lastId, message: text, retryAfter, spread } = goaway;
      assertEquals({
        ...{ code, lastId, text },
        ...(retryAfter === 0 ? {} : { retryAfter }),
        ...(spread === 0 ? {} : { spread }),
      }, says);
      assertEquals(encodeGoaway(goaway), body);
    });
  }

  if (kind === Kind.ERROR) {
    Deno.test(`decodeError() and encodeError() of ${name}`, PURE, () => {
      const error = decodeError(body, codec, "method");
      const { code, processed, retry, message } = error;
      const { declared, incident, retryAfter, data } = error;
      assertEquals({
        ...{ code, processed, retry },
        ...(declared === "" ? {} : { declared }),
        ...(incident === "" ? {} : { incident }),
        ...(retryAfter === 0 ? {} : { retryAfter }),
        ...{ message },
        ...(data === undefined ? {} : { data: jsonOf(data) }),
      }, says);
      assertEquals(encodeError(error, codec), body);
    });
  }

  const at = FIELDS_AT[kind];
  const cut = (flags & 1) !== 0;
  if (at !== undefined && !cut) {
    Deno.test(`readFields() and putFields() of ${name}`, PURE, () => {
      const end = fieldsEnd(body, at);
      const { timeout, metadata } = readFields(
        body,
        at,
        end,
        Object.values(Field),
        8192,
      );
      const value = body.subarray(end);
      assertEquals({
        ...(at === 2 ? { method: body[0]! * 256 + body[1]! } : {}),
        ...(timeout === Infinity ? {} : { timeout }),
        ...(Object.keys(metadata).length === 0 ? {} : {
          metadata: { ...metadata },
        }),
        ...(value.length === 0 ? {} : { value: jsonOf(codec.decode(value)) }),
      }, says);
      if (name === "unknown fields") return; // the library does not write them
      const target = new Uint8Array(end);
      target.set(body.subarray(0, at));
      const fields = Object.keys(metadata).length === 0
        ? NO_FIELDS
        : metadataField(metadata, 8192);
      assertEquals(putFields(target, at, timeout, fields), end);
      assertEquals(target, body.subarray(0, end));
    });
  }
}

Deno.test(
  "messages.json has every kind of frame in its frames and its conversations",
  PURE,
  () => {
    const kinds = Object.values(Kind).sort((a, b) => a - b);
    const inVectors = new Set(VECTORS.frames.map(({ kind }) => kind));
    const inConversations = new Set(
      VECTORS.conversations.flatMap(({ steps }) =>
        steps.flatMap((step) => "bytes" in step ? [bytesOf(step.bytes)[4]] : [])
      ),
    );
    for (const kind of kinds) {
      assertEquals([kind, inVectors.has(kind)], [kind, true]);
      assertEquals([kind, inConversations.has(kind)], [kind, true]);
    }
  },
);
