/**
 * The bounds on what is put together from several frames, for each kind of
 * message that may come so: README.md, "Limits", and PROTOCOL.md, section 10.
 *
 * @module
 */
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
] as const;
type PartsLimit = (typeof PARTS)[number];

const PART = 16_000;

/** A message that comes in parts, and what tells that it has come. */
interface Carrier {
  readonly name: string;
  readonly kind: number;
  readonly id: number;
  readonly role: "client" | "server";
  /** A message of so many bytes, from its method or fields to its end. */
  bytes(length: number): Uint8Array;
  /** Makes the call that it belongs to, and gives how to see that it has come. */
  begin(lone: Lone): () => boolean;
  /** The most of a limit that lets it through, where that is another than for the others. */
  readonly most?: Readonly<Partial<Record<PartsLimit, number>>>;
  /** What becomes of it beyond each bound. */
  readonly beyond: Readonly<Record<PartsLimit, string>>;
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
      lone.session.takeItem(held.call, lone.now);
      return () => held.items.length === 1;
    },
    // Its last part makes it whole, and needs no such memory: four others are within it.
    most: { maxAssembly: 5 * PART },
    beyond: {
      maxMessage: BROKEN,
      maxFragments: BROKEN,
      maxAssembly: "overloaded, maybe, later",
      assemblyTimeout: BROKEN,
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
      maxAssembly: "overloaded, maybe, never",
      assemblyTimeout: BROKEN,
    },
  },
];

const WIDE = { streamWindow: 2 ** 20, maxStreamWindow: 2 ** 20 };

/** How each bound on messages in parts is reached. */
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
    most: 65_536 + 1024, // what stands in front of the value is not the message's
    send: (lone, carrier, amount) => inParts(lone, carrier, amount, PART),
  },
  maxFragments: {
    limits: { maxFragments: 6 },
    most: 6,
    send: (lone, carrier, amount) => inParts(lone, carrier, amount, 1),
  },
  maxAssembly: {
    limits: { ...WIDE, maxAssembly: 65_536 },
    most: 65_536,
    send: (lone, carrier, amount) => inParts(lone, carrier, amount, PART),
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

function boundOf(limit: PartsLimit, carrier: Carrier): Bound {
  const { limits, most, send } = REACH[limit];
  return {
    limit,
    what: carrier.name,
    role: carrier.role,
    limits,
    most: carrier.most?.[limit] ?? most,
    use(lone, amount) {
      const hasCome = carrier.begin(lone);
      send(lone, carrier, amount);
      return hasCome();
    },
    beyond: carrier.beyond[limit],
  };
}

for (const carrier of CARRIERS) {
  for (const limit of PARTS) testBound(boundOf(limit, carrier));
}
