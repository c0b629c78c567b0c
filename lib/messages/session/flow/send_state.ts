/**
 * State of a session that sending requires.
 *
 * @module
 */
import type { SendCredit } from "./credit.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { UnfinishedMessages } from "./unfinished_messages.ts";

/**
 * Bytes that wait to be sent, by what they wait for. Each message counts with
 * its encoded size, or an estimate, and {@linkcode MESSAGE_COST}.
 */
export interface QueuedBytes {
  /** RESULTs and ERRORs, which wait for the transport, by ring. */
  readonly responses: number[];
  /** Items that answer the peer's calls, and may wait for credit. */
  items: number;
  /** Items of the calls that this side has made. */
  ownItems: number;
  /** REQUESTs of which a part was sent. */
  requests: number;
}

/** Heap bytes of a message in a queue, without its body. */
export const MESSAGE_COST = 256;

/** Times that an item counts: its handler usually holds the value as well. */
export const ITEM_COPIES = 2;

/** State of a session that sending requires. */
export interface SendState {
  /** Writer of the session's frames. */
  readonly writer: FrameWriter;
  /** Credit for REQUESTs. */
  readonly requestCredit: SendCredit;
  /** Credit for NOTIFYs. */
  readonly notifyCredit: SendCredit;
  /** Credit for the items of all calls together. */
  readonly itemCredit: SendCredit;
  /** Messages that this side has begun and not finished. */
  readonly unfinished: UnfinishedMessages;
  /** Bytes that wait in the queues of calls. */
  readonly queued: QueuedBytes;
  /** Time of the current call into the session, ms. */
  readonly now: number;
}
