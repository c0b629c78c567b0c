/**
 * The bounds on messages that are reassembled from several frames, for each kind
 * of message (README.md, "Limits", and PROTOCOL.md, section 10).
 *
 * @module
 */
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { assert } from "@std/assert";
import type { SessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { type Bound, NOTHING, testBound } from "./bounds.ts";
import { ASK, body, NOTE, UP } from "./session_calls.ts";
import { type Lone, message, request } from "./lone_session.ts";

const PARTS = [
  "maxMessage",
  "maxFragments",
  "maxAssembly",
  "assemblyTimeout",
  "minReadRate",
] as const;
type PartsLimit = (typeof PARTS)[number];

const PART = 16_000;

/** A kind of message in several frames, and how to detect its arrival. */
interface Carrier {
  readonly name: string;
  readonly kind: number;
  readonly id: number;
  readonly role: "client" | "server";
  /** Returns a message of this length, including its method number and fields. */
  bytes(length: number): Uint8Array;
  /** Starts the call, and returns a function that detects the arrival. */
  begin(lone: Lone): () => boolean;
  /** The outcome beyond each bound. */
  readonly beyond: Readonly<Partial<Record<PartsLimit, string>>>;
}

const BROKEN = "malformed, maybe, never";

const CARRIERS: readonly Carrier[] = [
  {
    name: "a REQUEST",
    ...{ kind: Kind.REQUEST, id: 1, role: "server" },
    bytes: (length) => request(ASK, body(length - 4)),
    begin: (lone) => () => lone.calls.length === 1,
    beyond: {
      maxMessage: "too-large, no, never",
      maxFragments: "too-large, no, never",
      maxAssembly: "overloaded, no, later",
      assemblyTimeout: "deadline, no, never",
      minReadRate: "deadline, no, never",
    },
  },
  {
    name: "a NOTIFY",
    ...{ kind: Kind.NOTIFY, id: 0, role: "server" },
    bytes: (length) => request(NOTE, body(length - 4)),
    begin: (lone) => () => lone.notes.length === 1,
    beyond: {
      maxMessage: NOTHING,
      maxFragments: NOTHING,
      maxAssembly: NOTHING,
      assemblyTimeout: NOTHING,
      minReadRate: NOTHING,
    },
  },
  {
    name: "an ITEM",
    ...{ kind: Kind.ITEM, id: 1, role: "server" },
    bytes: (length) => message(body(length - 2)),
    begin(lone) {
      lone.receive(Kind.REQUEST, 1, request(UP));
      const [held] = lone.calls;
      assert(held);
      takeItem(lone.session.enter(lone.now).shared, held.call);
      return () => held.items.length === 1;
    },
    beyond: {
      maxMessage: BROKEN,
      maxFragments: BROKEN,
      // Not maxAssembly: beyond it, an item waits for credit.
      assemblyTimeout: BROKEN,
      minReadRate: BROKEN,
    },
  },
  {
    name: "a RESULT",
    ...{ kind: Kind.RESULT, id: 1, role: "client" },
    bytes: (length) => message(body(length - 2)),
    begin(lone) {
      const asked = lone.call();
      return () => {
        if (asked.errors.length > 0) throw asked.error;
        return asked.results.length === 1;
      };
    },
    beyond: {
      maxMessage: "too-large, maybe, never",
      maxFragments: "too-large, maybe, never",
      maxAssembly: "overloaded, maybe, later",
      assemblyTimeout: BROKEN,
      minReadRate: BROKEN,
    },
  },
];

const WIDE = { streamWindow: 2 ** 20, maxStreamWindow: 2 ** 20 };

/** How to reach each bound. */
const REACH: Readonly<
  Record<
    PartsLimit,
    {
      readonly limits: Partial<SessionLimits>;
      readonly most: number;
      send(lone: Lone, carrier: Carrier, amount: number): void;
    }
  >
> = {
  maxMessage: {
    limits: { ...WIDE, maxMessage: 65_536, maxMetadata: 0 },
    most: 65_536 + 1024, // the bytes before the value do not count
    send: (lone, carrier, amount) => inParts(lone, carrier, amount, PART),
  },
  maxFragments: {
    limits: { maxFragments: 6 },
    most: 6,
    send: (lone, carrier, amount) => inParts(lone, carrier, amount, 1),
  },
  maxAssembly: {
    limits: { ...WIDE, maxAssembly: 131_072 }, // half of it is for items
    most: 65_536 - PART,
    send(lone, carrier, amount) {
      // Another message is unfinished: one alone may have any size.
      const [kind, id, bytes] = carrier.kind === Kind.NOTIFY
        ? [Kind.REQUEST, 1, request(ASK, body(PART - 4))]
        : [Kind.NOTIFY, 0, request(NOTE, body(PART - 4))];
      lone.receive(kind, id, bytes, Flag.MORE);
      inParts(lone, carrier, amount, PART);
      lone.receive(kind, id);
    },
  },
  assemblyTimeout: {
    limits: { assemblyTimeout: 1000 },
    most: 999,
    send(lone, { kind, id, bytes }, amount) {
      const whole = bytes(9);
      lone.receive(kind, id, whole.subarray(0, 5), Flag.MORE);
      lone.advance(amount);
      lone.receive(kind, id, whole.subarray(5));
    },
  },
  minReadRate: { // the parts may be late by 48 ms in all
    limits: { ...WIDE, assemblyTimeout: 448, minReadRate: 1000 },
    most: 400,
    send(lone, { kind, id, bytes }, amount) {
      const whole = bytes(24_000);
      for (let at = 0; at < whole.length; at += 400) {
        const more = at + 400 < whole.length ? Flag.MORE : 0;
        lone.receive(kind, id, whole.subarray(at, at + 400), more);
        lone.advance(amount);
      }
    },
  },
};

function inParts(
  lone: Lone,
  { kind, id, bytes }: Carrier,
  length: number,
  size: number,
): void {
  const whole = bytes(length);
  for (let at = 0; at < length; at += size) {
    const more = at + size < length ? Flag.MORE : 0;
    lone.receive(kind, id, whole.subarray(at, at + size), more);
  }
}

function boundOf(
  limit: PartsLimit,
  carrier: Carrier,
  beyond: string,
): Bound {
  const { limits, most, send } = REACH[limit];
  return {
    limit,
    what: carrier.name,
    role: carrier.role,
    limits,
    most,
    use(lone, amount) {
      const hasArrived = carrier.begin(lone);
      send(lone, carrier, amount);
      return hasArrived();
    },
    beyond,
  };
}

for (const carrier of CARRIERS) {
  for (const limit of PARTS) {
    const beyond = carrier.beyond[limit];
    if (beyond !== undefined) testBound(boundOf(limit, carrier, beyond));
  }
}
