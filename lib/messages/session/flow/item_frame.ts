/**
 * Writes items as frames. A frame is charged to two accounts: that of its call
 * and that of all items of the connection.
 *
 * @module
 */
import type { SendCredit } from "./credit.ts";
import { NO_FIELDS } from "../wire/fields.ts";
import type { SendState } from "./send_state.ts";
import { Kind } from "../wire/frame_header.ts";

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

/**
 * Sends an item that fits into a frame; returns any other item encoded.
 *
 * @returns the charge of the frame, or the encoded item
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept an item of that
 * length
 */
export function writeItem(
  shared: SendState,
  channel: ItemChannel,
  value: unknown,
): number | Uint8Array {
  const { writer } = shared;
  const head = writer.beginMessage(Kind.ITEM, channel.id, NO_FIELDS);
  const at = writer.putFields(head, Infinity, NO_FIELDS);
  const sent = writer.message(at, value, false);
  channel.onItemEncoded(typeof sent === "number" ? sent : sent.length);
  if (typeof sent !== "number") return sent;
  chargeItem(shared, channel, sent);
  writer.bulk.add(sent);
  return sent;
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
