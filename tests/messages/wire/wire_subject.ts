/**
 * One end of a vector's conversation: a session between bytes and a scripted
 * application, without sockets, timers or a clock.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { smallSizes } from "../session/simulation.ts";
import {
  discardItems,
  takeItem,
} from "../../../lib/messages/session/flow/received_items.ts";
import { sendItem } from "../../../lib/messages/session/flow/outgoing_items.ts";
import { FrameError } from "../../../lib/framing/errors.ts";
import { lengthPrefixed } from "../../../lib/framing/layouts/length_prefixed.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import {
  CallError,
  type SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import { SHAPES } from "../../../lib/messages/session/wire/shape.ts";
import type {
  CalleeObserver,
  IncomingCall,
} from "../../../lib/messages/session/calls/incoming_calls.ts";
import type { OutgoingCall } from "../../../lib/messages/session/calls/outgoing_calls.ts";
import {
  DEFAULT_MEMORY,
  MemoryBudget,
} from "../../../lib/messages/connection/memory_budget.ts";
import { resolveSessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import { servedTable } from "../../../lib/messages/session/calls/served_table.ts";
import type { HelloEntries } from "../../../lib/messages/session/control/handshake.ts";
import {
  type ItemFields,
  itemFields,
  onceFields,
  type Position,
  resumeField,
} from "../../../lib/messages/session/wire/fields.ts";
import type { OnceField } from "../../../lib/messages/session/wire/once_field.ts";
import type { MethodInfo } from "../../../lib/messages/session/wire/hello.ts";
import type { DrainOptions } from "../../../lib/messages/session/control/drain.ts";
import { ResumableSink } from "../../../lib/messages/session/resume/resumable_sink.ts";
import { SessionResumption } from "../../../lib/messages/session/resume/session_resumption.ts";
import { Feature } from "../../../lib/messages/session/wire/features.ts";
import type { ResumePoint } from "../../../lib/messages/session/wire/resumption.ts";
import { Session } from "../../../lib/messages/session/session.ts";
import { IncomingCalls } from "../../../lib/messages/session/calls/incoming_calls.ts";
import type { SessionConfig } from "../../../lib/messages/session/session_host.ts";
import type { Method } from "../../vectors/conversations/bytes.ts";
import type {
  Conversation,
  Details,
  Side,
} from "../../vectors/conversations/script.ts";
import { other } from "../../vectors/conversations/script.ts";
import { VECTORS } from "./wire_vectors.ts";
import { sinkInto } from "./wire_sink.ts";
import {
  callError,
  endOf,
  failureOf,
  jsonOf,
  metadataBytes,
  metadataOf,
  valueOf,
} from "./wire_values.ts";

const { protocol } = VECTORS.meta;

/** Failure of a REQUEST whose value cannot be decoded. */
const NOT_DECODED = new CallError("cannot decode the input", {
  code: "malformed",
  processed: "no",
});
/** Failure of a call whose result cannot be decoded. */
const UNREADABLE = new CallError("cannot decode the result", {
  code: "malformed",
});

/** A session whose transport can be too slow for long messages. */
class StallingSession extends Session {
  /** Fills the send budget of items and waiting messages. */
  fillBulk(): void {
    this.shared.writer.bulk.add(this.limits.unsentSoft);
  }
}

/** Returns the positions of a RESUME, without its token. */
function pointOf({ generation, received, firstKept }: ResumePoint): Details {
  return { generation, received, firstKept };
}

/** Returns entries of HELLO, whose token is hex in the vectors. */
function entriesOf({ token, ...rest }: Details): HelloEntries {
  const entries = rest as HelloEntries; // as the vectors describe them
  if (token === undefined) return entries;
  const { grace, secret } = token as { grace: number; secret: string }; // as above
  return {
    ...entries,
    token: { grace, secret: Uint8Array.fromHex(secret) },
  };
}

/** One end of a conversation. */
export class Subject {
  /** Sent frames that the script has not checked, with their length. */
  readonly sent: Uint8Array[] = [];
  /** Events that the script has not checked. */
  readonly seen: { sees: string; with: Details }[] = [];
  #session: StallingSession;
  /** The session of the handshake on another connection. */
  #fresh: StallingSession | undefined = undefined;
  readonly #outgoing = new Map<number, OutgoingCall>();
  readonly #incoming = new Map<number, IncomingCall>();
  readonly #items = new Map<number, Details[]>();
  readonly #calls: MethodInfo[];
  readonly #sink = sinkInto(this.sent);
  readonly #codec = msgpack();
  #decoder;
  /** Creates the decoder of a connection. */
  readonly #newDecoder;
  /** Creates a session. */
  readonly #newSession: () => StallingSession;
  readonly #resumes: boolean;
  #now = 0;

  constructor(
    role: Side,
    { limits, knows, features }: Pick<
      Conversation,
      "limits" | "knows" | "features"
    >,
  ) {
    const resolved = resolveSessionLimits({
      // Optional: other peers send PINGs at other times.
      pendingHeartbeat: 2 ** 31 - 1,
      ...limits[role],
    });
    let opened = false;
    const orderly = ({ code, remote }: SessionError) =>
      code === "closed" && (opened || !remote);
    const { hash = protocol.hash, ...lists } = knows?.[role] ?? {};
    const own = listed(lists.serves ?? protocol[role]);
    this.#calls = listed(lists.calls ?? protocol[other(role)]);
    // As in the shell: a HELLO may be longer than other frames.
    const framing = lengthPrefixed({
      width: 4,
      maxFrameLength: 8 + Math.max(resolved.maxFrameBody, resolved.maxHello),
    });
    this.#newDecoder = () => framing.decoder();
    this.#decoder = framing.decoder();
    this.#resumes = ((features?.[role] ?? 0) & Feature.RESUME) !== 0;
    this.#newSession = () =>
      new StallingSession({
        calls: IncomingCalls,
        budget: new MemoryBudget(role, DEFAULT_MEMORY).open(),
        ...this.#sinks(),
        role,
        codecs: [this.#codec],
        limits: resolved,
        methods: {
          name: protocol.name,
          hash,
          calls: this.#calls,
          sizes: smallSizes(own.length),
          serves: servedTable(own),
        },
        checksCredentials: role === "server",
        features: features?.[role],
        host: {
          onAuthenticate: ({ resume }, { value }) =>
            this.#saw("authenticate", {
              ...(value === undefined ? {} : { credentials: jsonOf(value) }),
              ...(resume && { resumption: pointOf(resume) }),
            }),
          onResumed: (point) => {
            this.#resumed(point);
          },
          onCut: () => this.#saw("cut"),
          onOpened: () => {
            opened = true;
            this.#opened();
            this.#saw("opened");
          },
          onRequest: (call, body) => this.#request(call, body),
          onNotified: (method, body, fields) => {
            const value = this.#decoded(body);
            if (value !== undefined) {
              this.#saw("notified", {
                method: own[method]!.name,
                ...value,
                ...metadataOf(fields),
              });
            }
            this.#session.incoming.notifications.settled();
          },
          onRefresh: (id, { value }) =>
            this.#saw("refresh", { id, credentials: jsonOf(value) }),
          onRefreshed: (id) => this.#saw("refreshed", { id }),
          onPeerDraining: () => this.#saw("draining"),
          onDrained: () => {
            this.#saw("drained");
            this.#session.enter(this.#now).close();
          },
          onClosing() {},
          onEnded: (error) =>
            // An orderly end, unless the peer ends the handshake.
            this.#saw(
              "ended",
              endOf(orderly(error) ? undefined : error),
            ),
          onRoom() {},
          onDropped() {},
        },
        now: this.#now,
      });
    this.#session = this.#newSession();
  }

  /** Returns where frames go, and whether they are kept. */
  #sinks(): Pick<SessionConfig, "sink" | "resume"> {
    if (!this.#resumes) return { sink: this.#sink };
    const sink = new ResumableSink(this.#sink);
    return { sink, resume: new SessionResumption({ sink, grace: 30_000 }) };
  }

  /** The session that uses the connection. */
  get #current(): StallingSession {
    return (this.#fresh ?? this.#session).enter(this.#now);
  }

  /** Loses the connection. */
  cut(): void {
    this.#session.enter(this.#now).inputEnded(new Error("cut"));
    this.#decoder = this.#newDecoder();
    this.#fresh = this.#newSession();
  }

  /** Continues the session with what the peer states. */
  #resumed(point: ResumePoint, entries?: HelloEntries): void {
    this.#fresh?.handOver();
    this.#fresh = undefined;
    this.#session.enter(this.#now).resume(this.#sink, point, entries);
    this.#saw("resumed");
  }

  /** A new session was opened, instead of resuming the last one. */
  #opened(): void {
    const fresh = this.#fresh;
    if (fresh === undefined) return;
    const { reason = "unknown", received } = fresh.peer?.resumeRefused ?? {};
    this.#session.enter(this.#now).endResumption(reason, received);
    this.#session = fresh;
    this.#fresh = undefined;
  }

  #saw(what: string, details: Details = {}): void {
    this.seen.push({ sees: what, with: details });
  }

  /**
   * Decodes a value, as the application does. Returns no value for an empty
   * body, and `undefined` if it cannot be decoded.
   */
  #decoded(body: Uint8Array): Details | undefined {
    if (body.length === 0) return {};
    try {
      return { value: jsonOf(this.#codec.decode(body)) };
    } catch {
      return undefined;
    }
  }

  /** Reports an item, or breaks its call if it cannot be decoded. */
  #item(call: number, body: Uint8Array): void {
    const value = this.#decoded(body);
    if (value !== undefined) return this.#saw("item", { call, ...value });
    this.#stream(call).fail("malformed", "cannot decode the item");
  }

  // ── inputs ─────────────────────────────────────────────────────────────

  /** Delivers bytes from the peer. */
  receive(bytes: Uint8Array): void {
    try {
      this.#decoder.push(bytes);
      for (let frame; (frame = this.#decoder.next()) !== undefined;) {
        this.#current.receive(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#current.framingFailed(error.message);
    }
    this.#current.readSome();
  }

  /** Ends the peer's stream. */
  inputEnded(): void {
    let cause: unknown;
    try {
      this.#decoder.end();
    } catch (error) {
      cause = error;
    }
    this.#session.enter(this.#now).inputEnded(cause);
  }

  /** Advances the clock, with a tick whenever the session needs one. */
  advance(ms: number): void {
    const target = this.#now + ms;
    while (this.#session.wakeAt <= target) {
      this.#now = Math.max(this.#now, this.#session.wakeAt);
      this.#session.enter(this.#now).tick();
    }
    this.#now = target;
  }

  #request(call: IncomingCall, body: Uint8Array): void {
    const { id, fields } = call;
    this.#incoming.set(id, call);
    call.observer = this.#calleeObserver(id);
    const value = this.#decoded(body);
    if (value === undefined) {
      const { responses } = this.#session.enter(this.#now).incoming;
      return responses.fail(call, NOT_DECODED);
    }
    call.entered = true;
    const { timeout, once, key, resumeFrom } = fields;
    this.#saw("request", {
      call: id,
      method: call.method.info.name,
      ...value,
      ...(timeout === Infinity ? {} : { timeout }),
      ...metadataOf(fields),
      ...(once === undefined ? {} : { once }),
      ...(key === "" ? {} : { key }),
      ...(resumeFrom === undefined ? {} : { resumeFrom }),
    });
  }

  #calleeObserver(id: number): CalleeObserver {
    let cancelled = false;
    return {
      onItem: (body) => this.#item(id, body),
      onItemsEnded: () => {
        if (!cancelled) this.#saw("itemsEnded", { call: id });
      },
      onCancelled: ({ code }) => {
        cancelled = true;
        const reason = code === "unavailable" ? "drained" : code;
        this.#saw("cancelled", { call: id, reason });
      },
      onUnsendable: (cause) => {
        // The vectors contain no value without an encoding.
        if (!(cause instanceof CallError)) throw cause;
        return new CallError(cause.message, {
          code: cause.code,
          processed: "yes",
        });
      },
    };
  }

  // ── actions of the application ─────────────────────────────────────────

  /** Performs the action of a step. */
  do(what: string, details: Details): void {
    const action = this.#actions[what];
    if (action === undefined) throw new Error(`No action ${what}`);
    action(details);
  }

  readonly #actions: Readonly<Record<string, (step: Details) => void>> = {
    start: ({ credentials }) =>
      this.#session.enter(this.#now).start(valueOf(credentials)),
    accept: (entries) => this.#current.accept(entriesOf(entries)),
    resume: ({ generation, token }) => {
      const fresh = this.#current;
      const session = this.#session.enter(this.#now);
      const resumption = fresh.peer?.resume;
      if (resumption !== undefined) {
        return this.#resumed(resumption, entriesOf({ token }));
      }
      fresh.start(undefined, {
        resume: {
          ...session.resumePoint(Number(generation)),
          token: session.peer!.token!.secret, // the script's HELLO has one
        },
      });
    },
    refuse: ({ text }) => this.#session.enter(this.#now).refuse(String(text)),
    call: (step) => this.#open(step),
    notify: (step) =>
      this.#session.enter(this.#now).outgoing.notify({
        ...this.#message(step),
        timeout: Infinity,
      }),
    send: ({ call, ...item }) => {
      const id = Number(call);
      const items = this.#items.get(id) ?? [];
      this.#items.set(id, items);
      items.push(item);
      if (items.length === 1) this.#sendItems(id, items);
    },
    end: ({ call }) =>
      this.#session.enter(this.#now).outgoing.endItems(
        this.#outgoing.get(Number(call))!,
      ),
    read: ({ call }) => {
      const body = takeItem(
        this.#session.enter(this.#now).shared,
        this.#stream(call),
      );
      if (body !== undefined) this.#item(Number(call), body);
    },
    stopReading: ({ call }) =>
      discardItems(
        this.#session.enter(this.#now).shared,
        this.#incoming.get(Number(call))!,
      ),
    respond: (step) =>
      this.#session.enter(this.#now).incoming.responses.respond(
        this.#incoming.get(Number(step["call"]))!,
        valueOf(step["value"]),
        metadataBytes(step),
      ),
    fail: (step) =>
      this.#session.enter(this.#now).incoming.responses.fail(
        this.#incoming.get(Number(step["call"]))!,
        callError(step),
      ),
    cancel: ({ call }) =>
      this.#session.enter(this.#now).outgoing.giveUp(
        this.#outgoing.get(Number(call))!,
        { code: "cancelled", message: "not wanted any more" },
      ),
    refresh: ({ credentials }) =>
      void this.#session.enter(this.#now).refresh(valueOf(credentials)),
    refreshed: ({ id }) =>
      this.#session.enter(this.#now).credentialRefresh.accept(Number(id)),
    rejectRefresh: ({ text }) =>
      this.#session.enter(this.#now).expel("unauthenticated", String(text)),
    drain: (step) => this.#session.enter(this.#now).drain(noticeOf(step)),
    close: () => this.#session.enter(this.#now).close(),
    stall: ({ after }) =>
      this.#sink.stall(Number(after), () => this.#session.fillBulk()),
    flow: () => {
      this.#sink.flow();
      this.#session.enter(this.#now).written();
    },
  };

  #stream(call: unknown): OutgoingCall | IncomingCall {
    const id = Number(call);
    return this.#outgoing.get(id) ?? this.#incoming.get(id)!; // the script's calls are there
  }

  #message(step: Details) {
    const index = this.#calls.findIndex(({ name }) => name === step["method"]);
    return {
      method: index,
      info: this.#calls[index]!,
      value: valueOf(step["value"]),
      hasValue: "value" in step,
      fields: concat([metadataBytes(step), onceBytes(step), resumeBytes(step)]),
    };
  }

  #open(step: Details): void {
    const id = Number(step["call"]);
    const failed = (error: CallError) =>
      this.#saw("failed", { call: id, ...failureOf(error) });
    try {
      this.#outgoing.set(
        id,
        this.#session.enter(this.#now).outgoing.open({
          ...this.#message(step),
          timeout: Number(step["timeout"] ?? Infinity),
          observer: {
            onItem: (body) => this.#item(id, body),
            onItemFields: ({ position, joined, gap }) =>
              this.#saw("position", {
                ...{ call: id, position },
                ...(joined === undefined ? {} : { joined }),
                ...(gap === undefined ? {} : { gap }),
              }),
            onItemsEnded() {},
            onResult: (body, fields) => {
              const value = this.#decoded(body);
              if (value === undefined) return failed(UNREADABLE);
              this.#saw("result", {
                call: id,
                ...value,
                ...metadataOf(fields),
              });
            },
            onFailed: failed,
            onItemsDropped() {},
          },
        }),
      );
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      failed(error);
    }
  }

  /** Sends items in order; each waits until the preceding one was encoded. */
  #sendItems(id: number, items: Details[]): void {
    const call = this.#stream(id);
    const sender = {
      onAccepted: () => {
        items.shift();
        this.#sendItems(id, items);
      },
      onRejected: (error: unknown) => {
        throw error; // the vectors contain no such item
      },
      onDropped: () => void items.splice(0),
    };
    while (items.length > 0) {
      const { shared } = this.#session.enter(this.#now);
      const { value, ...fields } = items[0]!; // not empty: checked by the loop
      const head = {
        fields: positionBytes(fields),
        hasValue: value !== undefined,
      };
      const sent = sendItem(shared, call, valueOf(value), sender, head);
      if (sent !== "accepted") return;
      items.shift();
    }
  }
}

function listed(methods: readonly Method[]): MethodInfo[] {
  return methods.map(([name, shape, hash]) => ({
    name,
    shape: SHAPES[shape]!, // the vectors have no other shapes
    hash,
  }));
}

function resumeBytes({ resumeFrom }: Details): Uint8Array {
  return resumeFrom === undefined
    ? new Uint8Array()
    : resumeField(resumeFrom as Position); // as the vectors describe it
}

function positionBytes(fields: Details): Uint8Array {
  return "position" in fields
    ? itemFields(fields as unknown as ItemFields) // as the vectors describe it
    : new Uint8Array();
}

function onceBytes({ once, key = "" }: Details): Uint8Array {
  return once === undefined
    ? new Uint8Array()
    : onceFields(once as OnceField, String(key)); // as the vectors describe it
}

/** Content of the GOAWAYs of a drain in the vectors. */
function noticeOf({ code, retryAfter, spread }: Details): DrainOptions {
  return code === undefined ? {} : {
    code: code === "age" ? "age" : "drain",
    retryAfter: Number(retryAfter),
    spread: Number(spread),
  };
}
