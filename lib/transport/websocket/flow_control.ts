/**
 * Flow control of a WebSocket: whether it applies, and the credit.
 *
 * Each end with flow control announces it: its first or second message is a
 * grant of credit, which may be 0. An end that does not know the negotiated
 * subprotocol, such as a server's socket that a framework has upgraded in Deno,
 * learns it from this announcement.
 *
 * | state | sends | next state |
 * | --- | --- | --- |
 * | on | within the peer's credit, and grants | |
 * | off | without limit; a grant is an error | |
 * | assumed off | without limit | on, if one of the first two messages is a grant |
 * | unknown | within the first credit | the same; otherwise off after the second message, or a second of waiting |
 *
 * @module
 */

/** The subprotocol with which receivers grant credit to senders. */
export const FLOW_CONTROL = "lengthwise.bytes.v1";
/** Initial credit of each sender, in bytes. */
export const FIRST_CREDIT = 256 * 1024;
/** Default limit on unread bytes without flow control. */
const UNCONTROLLED_LIMIT = 16 * 1024 * 1024;
/** Milliseconds that a blocked sender waits for the announcement. */
const ANNOUNCEMENT_TIMEOUT = 1_000;
/** Number of messages of which one announces flow control. */
const ANNOUNCED_WITHIN = 2;

/** State of an end's knowledge about flow control. */
export type FlowControlState = "on" | "off" | "assumed-off" | "unknown";

/** Flow control at one end of a WebSocket. */
export class FlowControl {
  #state: FlowControlState = "unknown";
  /** Whether the peer keeps to the credit from now on. */
  #confirmed = false;
  #givenLimit: number | undefined;
  /** Number of messages received. */
  #messages = 0;
  /** Number of bytes that the peer allows, and that were sent. */
  #allowed = FIRST_CREDIT;
  #sent = 0;
  /** Number of bytes read since the last grant. */
  #taken = 0;

  /**
   * @param receiveLimit the option; `undefined` selects the default
   */
  constructor(receiveLimit: number | undefined) {
    this.#givenLimit = receiveLimit;
  }

  /** State of this end's knowledge. */
  get state(): FlowControlState {
    return this.#state;
  }

  /**
   * Sets the state when the socket opens.
   *
   * @param state the state
   * @param negotiated whether both ends know it
   */
  open(state: FlowControlState, negotiated: boolean): void {
    this.#state = state;
    this.#confirmed = negotiated;
  }

  /** Maximum number of unread bytes. */
  get receiveLimit(): number {
    return this.#givenLimit ??
      (this.#confirmed ? FIRST_CREDIT : UNCONTROLLED_LIMIT);
  }

  /** Number of unread bytes that the credit allows. */
  get #window(): number {
    return this.#givenLimit ?? FIRST_CREDIT;
  }

  /** Number of bytes that may be sent now. */
  get credit(): number {
    const limited = this.#state === "on" || this.#state === "unknown";
    return limited ? this.#allowed - this.#sent : Infinity;
  }

  /** Milliseconds that a sender without credit waits for the announcement. */
  get patience(): number {
    return this.#state === "unknown" ? ANNOUNCEMENT_TIMEOUT : Infinity;
  }

  /** Gives up waiting for an announcement. */
  assumeOff(): void {
    if (this.#state === "unknown") this.#state = "assumed-off";
  }

  /** Counts sent bytes. */
  send(count: number): void {
    this.#sent += count;
  }

  /** Counts a received message of bytes. */
  receive(): void {
    this.#messages++;
    if (this.#messages >= ANNOUNCED_WITHIN) this.assumeOff();
  }

  /**
   * Adds credit from the peer.
   *
   * @returns whether the peer may grant credit here
   */
  granted(credit: number): boolean {
    this.#messages++;
    if (this.#state !== "on") {
      if (this.#state === "off") return false;
      if (this.#messages > ANNOUNCED_WITHIN) return false;
      this.#state = "on";
    }
    this.#confirmed = true;
    this.#allowed += credit;
    return true;
  }

  /** Returns the credit to announce flow control with. */
  announcement(): number {
    return this.#window - FIRST_CREDIT;
  }

  /** Counts read bytes; returns the credit to grant, 0 for none yet. */
  take(count: number): number {
    this.#taken += count;
    if (this.#state !== "on" || this.#taken < this.#window / 2) return 0;
    const credit = this.#taken;
    this.#taken = 0;
    return credit;
  }
}
