/**
 * The calls that the peer makes, seen from the session.
 *
 * @module
 */
import type { MethodInfo } from "../wire/hello.ts";
import type { ServedMethod } from "./incoming_call.ts";

/** Credit that the peer has left. */
export interface PeerCredit {
  /** Bytes of requests. */
  readonly requests: number;
  /** Bytes of notifications. */
  readonly notifications: number;
}

/** The calls that the peer makes. */
export interface PeerCalls {
  /** Calls that occupy a slot. */
  readonly calls: { readonly size: number };
  /** Calls above this id are dropped. */
  lastAllowed: number;
  /** The peer's list of methods; see `servedMethods()`. */
  methods: readonly (ServedMethod | MethodInfo)[];
  /** Number of requests of which some frames have arrived. */
  readonly incomplete: number;
  /** Heap bytes of the requests that wait. */
  readonly heldRequests: number;
  /** Heap bytes of notifications that wait, or whose handlers run. */
  readonly heldNotifications: number;
  /** Credit that the peer has left for requests and for notifications. */
  readonly creditGranted: PeerCredit;
  /** Highest id of a call that may run, or 0. */
  readonly lastBegun: number;
  /** Handles a REQUEST or NOTIFY frame. */
  receive(kind: number, id: number, frame: Uint8Array): void;
  /** Handles a CANCEL frame. */
  receiveCancel(id: number, frame: Uint8Array): void;
  /** Handles an END frame. */
  receiveEnd(id: number): void;
  /** Handles an ITEM frame. */
  receiveItem(id: number, frame: Uint8Array): void;
  /** Handles a CREDIT frame. */
  receiveCredit(id: number, total: number): void;
  /** Stops granting credit, or makes up for it. */
  pause(paused: boolean): void;
  /** Lets requests run that waited for the peer to read. */
  resumeGate(): void;
  /** Stops or restarts what waits for the peer. */
  restartTimer(): void;
  /** Handles the end of a turn, in which frames were received. */
  turnEnded(): void;
  /** Enters waiting handlers while there is room. */
  resume(): void;
  /** Drops the notifications that wait: the peer is at fault. */
  dropNotifications(): void;
  /** Ends all calls with `unavailable` after the grace of a drain. */
  endUnavailable(): void;
  /** Cancels the calls whose requests or items are incomplete. */
  endIncomplete(message: string): void;
  /** Cancels all calls when the connection or a grace period has ended. */
  end(code: "disconnected" | "unavailable", message: string): void;
}
