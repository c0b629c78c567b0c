/**
 * Sessions that a gateway relays, over one connection or several in turn.
 *
 * @module
 */
import { hashOf } from "../messages/server/session_tokens.ts";
import { decodeGoaway } from "../messages/session/wire/goaway.ts";
import {
  Flag,
  getU64,
  hasPosition,
  HEADER,
  Kind,
  MAX_ID,
  readId,
} from "../messages/session/wire/frame_header.ts";
import { MalformedError } from "../messages/session/wire/malformed_error.ts";

/** Bytes of the body of a PONG that acknowledges a position. */
const WITH_POSITION = 16;

/** Heap bytes of a number in a set. */
const ENTRY_COST = 40;

/** Frames of one end. */
export class SentFrames {
  /** Ids of its calls without a terminal. */
  readonly open: Set<number> = new Set();
  /** Lowest last id of the GOAWAYs that it has received. */
  toldId: number = MAX_ID;
  /** Highest id of its calls. */
  lastId = 0;
  /** Position of its last frame on this connection. */
  position = 0;
  /** Position of its last frame on any connection. */
  #known = 0;
  #inNotify = false;
  /**
   * Positions of frames that continue a REQUEST or NOTIFY.
   *
   * They may be sent again; `undefined` if no frame is.
   */
  #parts: Set<number> | undefined = undefined;

  /** Records which frames may be sent again, or does not any more. */
  set repeats(repeats: boolean) {
    this.#parts = repeats ? this.#parts ?? new Set() : undefined;
  }

  /** Number of heap bytes that the ids and positions take. */
  get held(): number {
    return ENTRY_COST * (this.open.size + (this.#parts?.size ?? 0));
  }

  /** Counts a frame; returns whether it begins a REQUEST or NOTIFY. */
  count(frame: Uint8Array): boolean {
    const [kind = 0, flags = 0] = frame; // it has a header
    if (hasPosition(kind)) this.position++;
    if (kind !== Kind.REQUEST && kind !== Kind.NOTIFY) return false;
    const isRepeated = this.position <= this.#known;
    const begins = isRepeated
      ? this.#parts?.has(this.position) !== true
      : this.#begins(frame);
    if (kind === Kind.NOTIFY) this.#inNotify = (flags & Flag.MORE) !== 0;
    if (!isRepeated) {
      this.#known = this.position;
      if (!begins) this.#parts?.add(this.position);
    }
    return begins;
  }

  #begins(frame: Uint8Array): boolean {
    if (frame[0] === Kind.NOTIFY) return !this.#inNotify;
    const id = readId(frame);
    if (id <= this.lastId) return false;
    this.lastId = id;
    // Others are not handled, as the GOAWAY says.
    if (id <= this.toldId) this.open.add(id);
    return true;
  }

  /** Handles what the other end says about the frames. */
  answered(frame: Uint8Array): void {
    const [kind, flags = 0] = frame; // it has a header
    switch (kind) {
      case Kind.RESULT:
      case Kind.ERROR:
        if ((flags & Flag.MORE) === 0) this.open.delete(readId(frame));
        break;
      case Kind.GOAWAY:
        this.#told(frame);
        break;
      case Kind.ACK:
        if (frame.length >= HEADER + 8) this.#read(getU64(frame, HEADER));
        break;
      case Kind.PONG:
        if (frame.length === HEADER + WITH_POSITION) {
          this.#read(getU64(frame, HEADER + 8));
        }
    }
  }

  /** Frames up to a position are not sent again. */
  #read(position: number): void {
    for (const part of this.#parts ?? []) {
      if (part > position) return; // they are in order
      this.#parts?.delete(part);
    }
  }

  /** The calls above the last id of a GOAWAY have no terminal. */
  #told(frame: Uint8Array): void {
    try {
      const { lastId } = decodeGoaway(frame);
      this.toldId = Math.min(this.toldId, lastId);
      for (const id of this.open) if (id > lastId) this.open.delete(id);
    } catch (error) {
      // Its receiver closes the session.
      if (!(error instanceof MalformedError)) throw error;
    }
  }
}

/** A session, which may go on over another connection. */
export class RelayedSession<Address> {
  /** Frames of the client. */
  readonly client: SentFrames = new SentFrames();
  /** Frames of the server. */
  readonly server: SentFrames = new SentFrames();
  /** Address of its server. */
  address: Address | undefined = undefined;
  /** Closes the connections that carry it now. */
  cut: () => void = () => {};
  /** Heap bytes that count while no connection carries it. */
  kept = 0;
  /** Hashes of the tokens with which it can be resumed. */
  readonly tokens: string[] = [];
}

/** Most sessions that are remembered. */
const MAX_SESSIONS = 10_000;

/** Most heap bytes of the sessions that no connection carries. */
export const MAX_KEPT: number = 16 * 1024 * 1024;

/** Most tokens of a session that its server may accept. */
const MAX_TOKENS = 2;

/** The sessions that can be resumed, by their tokens. */
export class ResumableSessions<Address> {
  readonly #sessions: Map<string, RelayedSession<Address>> = new Map();
  /** Sessions that no connection carries, the oldest first. */
  readonly #waiting: Set<RelayedSession<Address>> = new Set();
  #kept = 0;

  /** Returns the session with a token. */
  find(token: Uint8Array): RelayedSession<Address> | undefined {
    return this.#sessions.get(hashOf(token));
  }

  /** Remembers a session by a further token. */
  add(token: Uint8Array, session: RelayedSession<Address>): void {
    const hash = hashOf(token);
    this.#sessions.set(hash, session);
    session.tokens.push(hash);
    if (session.tokens.length > MAX_TOKENS) {
      this.#sessions.delete(session.tokens.shift()!); // there is one
    }
    if (this.#sessions.size > MAX_TOKENS * MAX_SESSIONS) {
      const [[, oldest] = []] = this.#sessions;
      if (oldest !== undefined) this.forget(oldest);
    }
  }

  /** Counts a session that no connection carries any more. */
  keep(session: RelayedSession<Address>): void {
    if (session.tokens.length === 0 || this.#waiting.has(session)) return;
    session.kept = session.client.held + session.server.held;
    this.#kept += session.kept;
    this.#waiting.add(session);
    for (const oldest of this.#waiting) {
      if (this.#kept <= MAX_KEPT) return;
      this.forget(oldest);
    }
  }

  /** Counts a session no longer, as a connection carries it. */
  resume(session: RelayedSession<Address>): void {
    if (this.#waiting.delete(session)) this.#kept -= session.kept;
  }

  /** Forgets a session that has ended. */
  forget(session: RelayedSession<Address>): void {
    this.resume(session);
    for (const hash of session.tokens.splice(0)) this.#sessions.delete(hash);
  }
}
