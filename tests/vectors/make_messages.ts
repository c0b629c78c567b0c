/**
 * Makes `messages.json`: frames and whole conversations, put together by hand
 * in `conversations/` from `lib/messages/PROTOCOL.md`, without a line of the
 * library. `deno task vectors` writes the file.
 *
 * @module
 */
import { PROTOCOL_HASH, PROTOCOL_NAME } from "./conversations/bytes.ts";
import { BAD_HELLOS } from "./conversations/bad_hellos.ts";
import { BOUNDS } from "./conversations/bounds.ts";
import { CALLS } from "./conversations/calls.ts";
import { CANCEL } from "./conversations/cancel.ts";
import { CREDIT } from "./conversations/credit.ts";
import { ENDS } from "./conversations/ends.ts";
import { ERRORS } from "./conversations/errors.ts";
import { FRAGMENTS } from "./conversations/fragments.ts";
import { FRAMES, type FrameVector } from "./conversations/frames.ts";
import { HANDSHAKE } from "./conversations/handshake.ts";
import { IDS } from "./conversations/ids.ts";
import {
  CLIENT,
  type Conversation,
  SCHEMAS,
  SERVER,
} from "./conversations/script.ts";
import { SESSION } from "./conversations/session.ts";
import { STREAMS } from "./conversations/streams.ts";
import { DIFFERING } from "./conversations/differing.ts";
import { DRAINS } from "./conversations/drains.ts";
import { REFRESHES } from "./conversations/refreshes.ts";
import { WINDOWS } from "./conversations/windows.ts";
import { ALTERNATING } from "./conversations/alternating.ts";
import { STAGES } from "./conversations/stages.ts";
import { DEADLINES } from "./conversations/deadlines.ts";
import { FAILURES } from "./conversations/failures.ts";
import { BOTH_WAYS } from "./conversations/shapes.ts";
import { oneLine, opened, tree } from "./json_text.ts";
import {
  PRELUDES,
  type Preludes,
  type ShortConversation,
  shorten,
} from "./preludes.ts";

/** The file's content. */
export interface MessageVectors {
  /** How to read it. */
  readonly meta: typeof META;
  /** One frame of each kind. */
  readonly frames: readonly FrameVector[];
  /** Steps that many conversations begin with, by name. */
  readonly preludes: Preludes;
  /** Whole conversations, without the steps of their preludes. */
  readonly conversations: readonly ShortConversation[];
}

const META = {
  format: "message-vectors/2",
  about:
    "Frames and conversations of lib/messages/PROTOCOL.md, made by tests/vectors/make_messages.ts without the library.",
  bytes:
    "Lower-case hex of whole frames, length included; or {parts: [[hex, times], …]}: each hex so many times, joined.",
  values:
    'JSON, and {"$undefined": true} for no value, {"$bytes": [hex, times]} for binary data. Values in frames are MessagePack.',
  protocol: {
    name: PROTOCOL_NAME,
    hash: PROTOCOL_HASH,
    methods:
      "[name, number of the shape, schema hash]; what the server serves stands in the client's HELLO, and the other way round.",
    server: SERVER,
    client: CLIENT,
    schemas: SCHEMAS,
  },
  frames:
    "kind, flags, id: the header. says: members of the body; a member that is not there is absent in the frame.",
  preludes:
    "Steps that many conversations begin with, by name. A conversation with a `prelude` consists of the steps of that name, followed by its own `steps`. handshake: client and server exchange HELLO with the default limits, and both are open. clientHello: the client has sent HELLO, and the server has not accepted it yet.",
  conversations: {
    subjects:
      "Which ends follow the rules. Each is held against the conversation: it gets the other end's frames, does and sees what stands at it, and its own frames must come out as written. An end that is no subject breaks rules, or does something of its own.",
    limits:
      "Limits of an end that differ from the defaults (PROTOCOL.md, Limits).",
    knows:
      "An end whose protocol differs from meta.protocol: what it calls, what it serves, its hash; secret: it does not disclose its schemas.",
    steps: {
      '{"from", "bytes", "about"}':
        "That end sends these bytes, a whole frame unless `about` says otherwise.",
      '"crosses": true':
        "This frame was sent before the other end's frames in front of it had come: at its sender it may be seen earlier.",
      '"later": true':
        "A frame of a later version: an end of this one does not send it, and must pass over it.",
      '{"from", "ends"}': "That end ends its stream.",
      '{"advance"}': "So many ms pass at both ends. It begins with 0.",
      '{"at", "do", "with"}':
        "What the application does: start (send HELLO), accept, refuse, call, notify, send (an item, as soon as credit allows), end (its items), read (ask for the next item), stopReading, respond, fail, cancel, refresh, refreshed, rejectRefresh, drain, close; and what its transport does: stall (after so many frames more it takes none, so that large messages wait; small frames still leave), flow (it takes them again).",
      '{"at", "sees", "with"}':
        "What the application is told, in this order: authenticate, opened, request, notified, item, itemsEnded, cancelled, result, failed, refresh, refreshed, draining (a GOAWAY none has come), drained, ended (the session, with its code; `remote`: the other end said so).",
    },
    calls:
      "A call is named by its id, also before its REQUEST has left. A request or result without `value` has an empty body.",
    own:
      "The order of frames of different calls is their sender's own. Texts (MESSAGE of an ERROR, the text of a GOAWAY) and the bytes of a PING are their sender's own: not compared, and a PONG repeats what the PING had. The order of fields and entries is not compared either, and a receiver may grant credit earlier or later, as PROTOCOL.md allows.",
  },
};

/** All conversations, each with all of its steps. */
export const CONVERSATIONS: readonly Conversation[] = [
  ...HANDSHAKE,
  ...DIFFERING,
  ...BAD_HELLOS,
  ...CALLS,
  ...BOTH_WAYS,
  ...ERRORS,
  ...FAILURES,
  ...IDS,
  ...STREAMS,
  ...FRAGMENTS,
  ...ALTERNATING,
  ...BOUNDS,
  ...CREDIT,
  ...WINDOWS,
  ...CANCEL,
  ...STAGES,
  ...DEADLINES,
  ...SESSION,
  ...REFRESHES,
  ...ENDS,
  ...DRAINS,
];

/** Returns the content of `messages.json`. */
export function messageVectors(): MessageVectors {
  return {
    meta: META,
    frames: FRAMES,
    preludes: PRELUDES,
    conversations: CONVERSATIONS.map(shorten),
  };
}

/** Returns the text of `messages.json`: one line for each frame and each step. */
export function messagesText(): string {
  const { meta, frames, preludes, conversations } = messageVectors();
  const named = Object.entries(preludes).map(([name, steps]) =>
    `${JSON.stringify(name)}: ${lines(steps, "    ")}`
  );
  const members = [
    `"meta": ${tree(meta, "  ")}`,
    `"frames": ${lines(frames, "  ")}`,
    `"preludes": ${opened("{", named, "}", "  ")}`,
    `"conversations": ${
      opened("[", conversations.map(conversationText), "]", "  ")
    }`,
  ];
  return opened("{", members, "}", "") + "\n";
}

/** Returns a conversation: one line for its other members, then its steps. */
function conversationText(conversation: ShortConversation): string {
  const { steps, ...rest } = conversation;
  const open = oneLine(rest).slice(0, -1);
  return `${open}, "steps": ${lines(steps, "    ")}}`;
}

/** Returns an array with one element per line. */
function lines(elements: readonly unknown[], indent: string): string {
  return opened("[", elements.map(oneLine), "]", indent);
}
