/** Frames of relayed sessions, with repeated ones. */
import { assertEquals } from "@std/assert";
import {
  MAX_KEPT,
  RelayedSession,
  ResumableSessions,
  SentFrames,
} from "../../lib/forward/relayed_session.ts";
import {
  Flag,
  HEADER,
  Kind,
  putHeader,
  putU64,
} from "../../lib/messages/session/wire/frame_header.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function frame(kind: number, id = 0, flags = 0, position?: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + (position === undefined ? 0 : 8));
  putHeader(bytes, 0, kind, flags, id);
  if (position !== undefined) putU64(bytes, HEADER, position);
  return bytes;
}

const { MORE } = Flag;

/** Frames with positions from 1 on, and whether they begin a message. */
const FRAMES = [
  [frame(Kind.REQUEST, 1, MORE), true],
  [frame(Kind.REQUEST, 1, MORE), false],
  [frame(Kind.NOTIFY, 0, MORE), true],
  [frame(Kind.REQUEST, 3, MORE), true],
  [frame(Kind.ITEM, 1), false],
  [frame(Kind.REQUEST, 1), false],
  [frame(Kind.NOTIFY, 0), false],
  [frame(Kind.REQUEST, 3), false],
  [frame(Kind.NOTIFY, 0), true],
  [frame(Kind.NOTIFY, 0, MORE), true],
] as const; // the types of pairs

Deno.test(
  "SentFrames.count() knows which frames begin messages, also when they are sent again",
  none,
  () => {
    for (let read = 0; read <= FRAMES.length; read++) {
      for (const acknowledged of [0, read]) {
        const sent = new SentFrames();
        sent.repeats = true;
        for (const [bytes, begins] of FRAMES) {
          assertEquals(sent.count(frame(Kind.PING)), false); // has no position
          assertEquals(sent.count(bytes), begins);
        }
        sent.answered(frame(Kind.ACK, 0, 0, acknowledged));
        sent.position = read; // another connection
        for (const [bytes, begins] of FRAMES.slice(read)) {
          assertEquals(sent.count(bytes), begins, `${read}, ${sent.position}`);
        }
        assertEquals(sent.count(frame(Kind.NOTIFY)), false); // the last part
        assertEquals(sent.count(frame(Kind.REQUEST, 5)), true);
        assertEquals([...sent.open], [1, 3, 5]);
      }
    }
  },
);

Deno.test(
  "SentFrames.answered() ends calls with their terminals and GOAWAYs",
  none,
  () => {
    const sent = new SentFrames();
    for (const id of [1, 3, 5, 7]) sent.count(frame(Kind.REQUEST, id));
    sent.answered(frame(Kind.RESULT, 1, MORE));
    sent.answered(frame(Kind.ERROR, 3));
    assertEquals([...sent.open], [1, 5, 7]);
    sent.answered(frame(Kind.RESULT, 1));
    const goaway = new Uint8Array(HEADER + 9);
    putHeader(goaway, 0, Kind.GOAWAY, 0, 0);
    goaway[HEADER + 6] = 5;
    sent.answered(goaway);
    assertEquals([[...sent.open], sent.toldId], [[5], 5]);
    assertEquals(sent.count(frame(Kind.REQUEST, 9)), true);
    assertEquals([...sent.open], [5]); // a request that is not handled
    sent.answered(frame(Kind.GOAWAY)); // malformed
    assertEquals(sent.toldId, 5);
  },
);

Deno.test(
  "ResumableSessions keeps the last two tokens of each session",
  none,
  () => {
    const sessions = new ResumableSessions<string>();
    const session = new RelayedSession<string>();
    const tokens = [1, 2, 3].map((n) => new Uint8Array(16).fill(n));
    const found = () => tokens.map((token) => sessions.find(token) === session);
    for (const token of tokens) sessions.add(token, session);
    assertEquals(found(), [false, true, true]);
    sessions.forget(session);
    assertEquals(found(), [false, false, false]);
  },
);

Deno.test(
  "ResumableSessions forgets sessions that hold much without a connection",
  none,
  () => {
    const sessions = new ResumableSessions<string>();
    const tokens = [1, 2, 3].map((n) => new Uint8Array(16).fill(n));
    const all = tokens.map((token) => {
      const session = new RelayedSession<string>();
      Object.defineProperty(session.client, "held", { value: MAX_KEPT / 2 });
      sessions.add(token, session);
      return session;
    });
    const found = () =>
      tokens.map((token) => sessions.find(token)).map(Boolean);
    for (const session of all.slice(0, 2)) sessions.keep(session);
    sessions.keep(all[1]!); // counts once
    assertEquals(found(), [true, true, true]);
    sessions.resume(all[0]!);
    sessions.keep(all[2]!);
    assertEquals(found(), [true, true, true]);
    sessions.keep(all[0]!);
    assertEquals(found(), [true, false, true]); // the oldest
  },
);
