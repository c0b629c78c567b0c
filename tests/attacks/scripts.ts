/**
 * Parts of scripts.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import {
  encode,
  fields,
  frame,
  K,
  message,
  MORE,
  request,
  u16,
} from "./frames.ts";
import { pause, type RawPeer } from "./raw_peer.ts";

/** Number of frames that are written at once. */
const BATCH = 256;

/** Yields the ids of a client's calls. */
export function* ids(first = 1): Generator<number> {
  for (let id = first;; id += 2) yield id;
}

/** Number of frames of a flood, enough for any state to become steady. */
const FLOOD = 20_000;

/** Sends frames for the ids that a client uses, without waiting for anything. */
export function* flood(
  make: (id: number) => Uint8Array,
  first = 1,
  frames = FLOOD,
): Generator<Uint8Array> {
  const next = ids(first);
  for (let sent = 0; sent < frames; sent += BATCH) {
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

/** Answers each of the client's calls when it arrives; the ids rise by 2. */
export async function* answering(
  peer: RawPeer,
  answer: (id: number) => Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let id = 1;; id += 2) {
    await peer.saw("REQUEST", (id + 1) / 2);
    if (peer.stopped || peer.ended) return;
    yield* answer(id);
  }
}

/** Sends a request in frames of the largest size. */
export async function* inParts(
  peer: RawPeer,
  id: number,
  method: number,
  value: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const body = concat([u16(method), fields(), value]);
  for (let at = 0; at < body.length; at += 131_072) {
    const end = at + 131_072;
    const flags = end < body.length ? MORE : 0;
    const part = frame(K.REQUEST, id, body.subarray(at, end), flags);
    yield await peer.credit(part);
  }
}
