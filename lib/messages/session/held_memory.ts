/**
 * The memory that a session holds for its peer.
 *
 * Each part is charged with what it costs in V8; `deno task held` compares the
 * charges with the heap.
 *
 * @module
 */
import type { LifecycleParts } from "./control/lifecycle.ts";
import { MAX_EARLY_BYTES } from "./control/handshake.ts";
import type { HeldFigure, SessionFigures } from "./session_figures.ts";

/** Heap bytes of each unsent byte: buffers have room for more. */
export const BUFFER_COST = 2;
/** Heap bytes of an incomplete request, with its chunk for small parts. */
const INCOMPLETE_COST = 5 * 1024;
/** Heap bytes of a call by the peer, without its messages. */
const CALL_COST = 1280;
/** Heap bytes of a call to the peer, with its promise. */
const OWN_CALL_COST = 4 * 1024;

/** The parts of a session that hold memory. */
type HoldingParts = Pick<
  LifecycleParts,
  "shared" | "outgoing" | "incoming" | "handshake" | "resumption"
>;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * Returns the heap bytes that a session holds.
 *
 * @param closed whether the session has ended
 */
export function heldBytes(
  { shared, incoming, outgoing, handshake, resumption }: HoldingParts,
  closed: boolean,
): number {
  if (closed) return incoming.heldNotifications + shared.inputs.held;
  const { queued, itemsInUse, inputs, reassemblyBudget } = shared;
  return ownBytes({ shared, outgoing }, closed) + handshake.heldEarly +
    CALL_COST * incoming.calls.size +
    sum(queued.responses) + queued.items + reassemblyBudget.used +
    INCOMPLETE_COST * incoming.incomplete + (itemsInUse?.held ?? 0) +
    incoming.heldRequests + incoming.heldNotifications + inputs.held +
    (resumption?.sink.held ?? 0);
}

/**
 * Returns the part of {@linkcode heldBytes} that own calls may take.
 *
 * It includes the messages that wait in calls of this side, and all unsent bytes:
 * these are in one buffer with those of responses, and `limits.unsentHard` bounds
 * them. Replies that have arrived do not belong to it.
 *
 * @param closed whether the session has ended
 */
export function ownBytes(
  { shared, outgoing }: Pick<HoldingParts, "shared" | "outgoing">,
  closed: boolean,
): number {
  if (closed) return 0;
  const { queued, writer } = shared;
  return BUFFER_COST * writer.unsent +
    OWN_CALL_COST * outgoing.calls.size + outgoing.queuedBytes +
    queued.requests + queued.ownItems;
}

/** Returns the heap bytes that {@linkcode heldBytes} sums up, by kind. */
export function heldByKind(
  { shared, incoming, outgoing, handshake, resumption }: HoldingParts,
  closed: boolean,
): SessionFigures["held"] {
  const { limits, queued, itemsInUse, inputs, reassemblyBudget, writer } =
    shared;
  const figure = (bytes: number, limit = Infinity): HeldFigure => ({
    bytes: closed ? 0 : bytes,
    limit,
  });
  const { peerLimits } = writer;
  const unfinished = reassemblyBudget.used +
    INCOMPLETE_COST * incoming.incomplete;
  return {
    unsent: figure(
      BUFFER_COST * writer.unsent,
      BUFFER_COST * limits.unsentHard,
    ),
    calls: figure(
      CALL_COST * incoming.calls.size,
      CALL_COST * limits.maxCalls,
    ),
    ownCalls: figure(
      OWN_CALL_COST * outgoing.calls.size,
      OWN_CALL_COST * peerLimits.maxCalls,
    ),
    ownQueue: figure(outgoing.queuedBytes, limits.maxQueuedBytes),
    replies: figure(
      queued.requests + sum(queued.responses) + queued.items + queued.ownItems,
    ),
    unfinished: figure(unfinished, limits.maxAssembly),
    items: figure(itemsInUse?.held ?? 0),
    waiting: figure(
      incoming.heldRequests,
      limits.connectionWindow + limits.maxAssembly,
    ),
    notifications: { bytes: incoming.heldNotifications, limit: Infinity },
    inputs: { bytes: inputs.held, limit: limits.maxInputs },
    kept: figure(resumption?.sink.held ?? 0),
    early: figure(handshake.heldEarly, MAX_EARLY_BYTES),
  };
}
