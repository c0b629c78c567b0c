/**
 * Parts of scripts.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { encode, message, request } from "./frames.ts";
import { K } from "./frames.ts";
import { pause, type RawPeer } from "./raw_peer.ts";

/** Number of frames that are written at once. */
const BATCH = 256;

/** One mebibyte. */
export const MiB: number = 2 ** 20;

/** Yields the ids of a client's calls. */
export function* ids(first = 1): Generator<number> {
  for (let id = first;; id += 2) yield id;
}

/** Sends frames for the ids that a client uses, without end. */
export function* flood(
  make: (id: number) => Uint8Array,
  first = 1,
): Generator<Uint8Array> {
  const next = ids(first);
  for (;;) {
    yield concat(
      Array.from({ length: BATCH }, () => make(next.next().value!)),
    );
  }
}

/** Sends a frame for each of the first ids of a client. */
export function* times(
  count: number,
  make: (id: number) => Uint8Array,
  first = 1,
): Generator<Uint8Array> {
  const next = ids(first);
  for (let at = 0; at < count; at += BATCH) {
    const length = Math.min(BATCH, count - at);
    yield concat(Array.from({ length }, () => make(next.next().value!)));
  }
}

/** Sends frames as fast as the credit for each allows. */
export async function* withCredit(
  peer: RawPeer,
  frames: Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (const bytes of frames) {
    if (peer.stopped || peer.ended) return;
    yield await peer.credit(bytes);
  }
}

/** Sends frames for the ids that a client uses, with at most `calls` in flight. */
export async function* inFlight(
  peer: RawPeer,
  calls: number,
  make: (id: number) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for (const id of ids()) {
    await peer.until(() => peer.inFlight < calls);
    if (peer.stopped || peer.ended) return;
    peer.inFlight++;
    yield await peer.credit(make(id));
  }
}

/** Opens calls of a method that takes items. */
export function open(
  calls: number,
  method: number,
  first = 1,
): Generator<Uint8Array> {
  return times(calls, (id) => request(id, method, new Uint8Array()), first);
}

/** Sends a frame again and again, with a pause before each. */
export async function* every(
  peer: RawPeer,
  ms: number,
  make: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  while (!peer.stopped && !peer.ended) {
    await pause(ms);
    yield make();
  }
}

/** Sends an item on each of the first calls in turn, as credit allows. */
export async function* itemsOnEach(
  peer: RawPeer,
  calls: number,
  bytes: Uint8Array,
  first = 1,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    let sent = false;
    for (let at = 0; at < calls; at++) {
      const id = first + 2 * at;
      if (peer.stopped || peer.ended) return;
      if (!peer.mayItem(id)) continue;
      sent = true;
      yield await peer.credit(message(K.ITEM, id, bytes));
    }
    if (!sent) await pause(5);
  }
}

/** Encoded null. */
export const NULL: Uint8Array<ArrayBuffer> = encode(null);
