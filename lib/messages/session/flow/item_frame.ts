/**
 * Writes items as frames. A frame is charged to two accounts: that of its call
 * and that of all items of the connection.
 *
 * @module
 */
import type { SendCredit } from "./credit.ts";
import { NO_FIELDS, putFields } from "../wire/fields.ts";
import type { SendState } from "./send_state.ts";
import { Flag, FRAME_CHARGE, Kind } from "../wire/frame_header.ts";

/** Fields of an item to send, and whether it has a value. */
export interface ItemHead {
  /** The encoded fields. */
  readonly fields: Uint8Array;
  /** Whether the item has a value; if not, it is not one of the application's. */
  readonly hasValue: boolean;
}

/** The part of a call that items require. */
export interface ItemChannel {
  /** Id of the call's frames. */
  readonly id: number;
  /** Credit for ITEM frames; `undefined` if the call's shape allows none. */
  readonly itemCredit: SendCredit | undefined;
  /** Expected size in bytes of the next item. */
  readonly itemSize: number;
  /** Called with the size of an item that has been encoded. */
  onItemEncoded(size: number): void;
}

/** An item without fields. */
const NO_HEAD: ItemHead = { fields: NO_FIELDS, hasValue: true };

/**
 * Sends an item that fits into a frame; returns any other item encoded.
 *
 * @param head the fields of the item, if it has any
 * @returns the charge of the frame, or the encoded item
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept an item of that
 * length
 */
export function writeItem(
  shared: SendState,
  channel: ItemChannel,
  value: unknown,
  head: ItemHead = NO_HEAD,
): number | Uint8Array {
  const { fields, hasValue } = head;
  if (!hasValue) return writeValueless(shared, channel, fields);
  const sent = encodeItem(shared, channel, value, fields, false);
  if (typeof sent !== "number") return sent;
  chargeItem(shared, channel, sent);
  shared.writer.bulk.add(sent);
  return sent;
}

/**
 * Encodes an item, and sends it if possible.
 *
 * It is returned if it must wait, or does not fit into a frame.
 *
 * @param wait whether the item must be queued
 * @returns the charge of the frame, or the encoded item
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept an item of that
 * length
 */
export function encodeItem(
  { writer }: SendState,
  channel: ItemChannel,
  value: unknown,
  fields: Uint8Array,
  wait: boolean,
): number | Uint8Array {
  const start = writer.beginMessage(Kind.ITEM, channel.id, fields);
  const at = writer.putFields(start, Infinity, fields);
  const sent = writer.message(at, value, wait);
  channel.onItemEncoded(
    typeof sent === "number" ? sent - FRAME_CHARGE : sent.length,
  );
  return sent;
}

/** Sends an item that has fields only; they always fit into a frame. */
function writeValueless(
  shared: SendState,
  channel: ItemChannel,
  fields: Uint8Array,
): number {
  const { writer } = shared;
  const body = new Uint8Array(2 + fields.length);
  putFields(body, 0, Infinity, fields);
  writer.frame(Kind.ITEM, Flag.NO_VALUE, channel.id, body);
  const charge = body.length + FRAME_CHARGE;
  chargeItem(shared, channel, charge);
  writer.bulk.add(charge);
  return charge;
}

/**
 * Returns the credit that is reserved for items that have begun. If further
 * items were begun with it, none of them might have room to be completed.
 */
export function itemReserve({ writer }: SendState): number {
  return writer.peerLimits.itemsWindow / 4;
}

/** Charges a frame of an item. */
export function chargeItem(
  shared: SendState,
  { itemCredit }: ItemChannel,
  charge: number,
): void {
  itemCredit?.charge(charge);
  shared.itemCredit.charge(charge);
}
