/**
 * The codecs of sessions with attackers.
 *
 * @module
 */
import {
  extendCodec,
  jsonValues,
  msgpackValues,
} from "../../lib/messages/codec/extensions/mod.ts";
import { json } from "../../lib/messages/codec/json.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";

/** The codecs, by the names that attacks use. */
export const CODECS = {
  msgpack: msgpack(),
  json: json(),
  "extended msgpack": extendCodec(msgpack(), msgpackValues),
  "extended json": extendCodec(json(), jsonValues),
} as const;

/** Name of a codec. */
export type CodecName = keyof typeof CODECS;
