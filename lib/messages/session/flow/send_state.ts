/**
 * State of a session that sending requires.
 *
 * @module
 */
import type { SendCredit } from "./credit.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { UnfinishedMessages } from "./unfinished_messages.ts";

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
  /** Time of the current call into the session, ms. */
  readonly now: number;
}
