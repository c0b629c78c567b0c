/**
 * msgpackr's encoder, kept to ourselves. Its output buffer belongs to the
 * module, not to the instance: whoever else uses the same copy of the module
 * would write into our buffer, and we into theirs. So ours is put in place for
 * the time of one call, and the one that was there is put back.
 *
 * Why `index-no-eval`: it generates no code, loads no native addon and needs
 * no permission, and its state is apart from that of plain `msgpackr`.
 *
 * @module
 */
// @ts-types="npm:msgpackr@^2.1.3"
import {
  Packr,
  RESERVE_START_SPACE,
  RESET_BUFFER_MODE,
  REUSE_BUFFER_MODE,
} from "msgpackr/index-no-eval";

/** With `REUSE_BUFFER_MODE` the result is the whole buffer, with its part marked. */
interface Marked {
  start: number | undefined;
  end: number | undefined;
}

/** What msgpackr writes into: a `Buffer` where there is one, else a `Uint8Array`. */
type Arena = ReturnType<Packr["pack"]> & Marked;

/** The part of `Buffer`'s constructor that is needed. */
interface ArenaConstructor {
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): Arena;
}

/** msgpackr drops a buffer with less room than this behind the start (0x800 and a margin of 10). */
const LEAST_ROOM = 0x800 + 10;
/** Our own buffer is kept for the next large message up to this size. */
const LARGEST_SCRATCH = 4 * 1024 * 1024;
const FIRST_SCRATCH = 16 * 1024;

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  useToJSON: false,
});

/** The marks of the last result in the buffer that was in place. */
const host = {
  start: undefined as number | undefined, // not marked
  end: undefined as number | undefined, // not marked
};

/** Finds the buffer in place by msgpackr's hook for struct encoders, so without writing into it. */
class Probe extends Packr {
  _writeStruct(
    _value: unknown,
    target: Arena,
    _start: number,
    position: number,
  ): number {
    host.start = target.start;
    host.end = target.end;
    return position;
  }
}
const probe = new Probe({ useRecords: false });
const PROBED = {};

const arenas = new WeakMap<Uint8Array, Arena>();
let scratch: Uint8Array | undefined;
/** More than the room in which the last message did not fit; 0 where it did. */
let roomNeeded = 0;
let busy = false;

/**
 * Encodes into `target` from `offset`.
 *
 * @returns the offset behind the body, or, where the room did not suffice, the
 * body elsewhere, valid until the next call
 */
export function packInto(
  value: unknown,
  target: Uint8Array,
  offset: number,
): number | Uint8Array {
  const room = target.length - offset;
  if (busy || room < LEAST_ROOM + 8 || room < roomNeeded) {
    return settle(packApart(value), target, offset);
  }
  // pack() rounds its start up to a multiple of 8: start below, and skip the difference.
  const skipped = offset & 7;
  const packed = packSwapped(value, target, offset - skipped, skipped);
  if (packed === undefined) return settle(packApart(value), target, offset);
  if (packed.buffer === target.buffer) return packed.end!;
  roomNeeded = room + 1;
  keep(packed);
  return settle(viewOf(packed, skipped), target, offset);
}

/**
 * Encodes into a buffer of our own.
 *
 * @returns the body, valid until the next call
 */
export function packApart(value: unknown): Uint8Array {
  scratch ??= new Uint8Array(FIRST_SCRATCH);
  const packed = busy ? undefined : packSwapped(value, scratch, 0, 0);
  // Inside another pack() msgpackr takes care of its state by itself.
  if (packed === undefined) return bytesOf(packr.pack(value));
  const body = viewOf(packed, 0);
  if (packed.buffer !== scratch.buffer) keep(packed);
  if (body.length * 4 < roomNeeded) roomNeeded = 0;
  return body;
}

/** Returns `undefined`, with nothing done, inside a pack() of somebody else. */
function packSwapped(
  value: unknown,
  target: Uint8Array,
  start: number,
  reserved: number,
): Arena | undefined {
  const position = packr.position;
  // A free module begins at 8 and stays there; one in the middle of a pack() restores the 1.
  packr.position = 1;
  busy = true;
  const found: Arena = probe.pack(
    PROBED,
    REUSE_BUFFER_MODE | RESET_BUFFER_MODE,
  ) as Arena; // marked, by that mode
  const nested = packr.position === 1;
  const replaced = packr.position === 0;
  found.start = host.start;
  found.end = host.end;
  try {
    if (nested) {
      packr.position = position;
      return undefined;
    }
    packr.useBuffer(arenaOf(target, found));
    packr.position = start;
    return packr.pack(
      value,
      REUSE_BUFFER_MODE | RESERVE_START_SPACE | reserved,
    ) as Arena; // marked, by that mode
  } finally {
    if (!nested) {
      packr.useBuffer(found);
      packr.position = replaced ? 0 : position;
    }
    busy = false;
  }
}

/** Keeps a buffer that msgpackr grew, so that the next large message finds room. */
function keep(grown: Arena): void {
  if (grown.length <= LARGEST_SCRATCH) scratch = grown;
}

/** Moves a body to where it was wanted, if it fits after all. */
function settle(
  body: Uint8Array,
  target: Uint8Array,
  offset: number,
): number | Uint8Array {
  if (body.length > target.length - offset) return body;
  target.set(body, offset);
  return offset + body.length;
}

function viewOf(packed: Arena, skipped: number): Uint8Array {
  const start = packed.start! + skipped;
  return new Uint8Array(
    packed.buffer,
    packed.byteOffset + start,
    packed.end! - start,
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** One object per buffer, as msgpackr keeps a view of each buffer it meets. */
function arenaOf(target: Uint8Array, sample: Arena): Arena {
  let arena = arenas.get(target);
  if (arena === undefined) {
    arena = toArena(target, sample);
    arenas.set(target, arena);
  }
  return arena;
}

/** The same memory in the class that msgpackr itself uses: its UTF-8 encoder needs a `Buffer` where there is one. */
function toArena(target: Uint8Array, sample: Arena): Arena {
  const { buffer, byteOffset, byteLength } = target;
  const own: unknown = sample.constructor;
  return own === Uint8Array
    ? new Uint8Array(buffer, byteOffset, byteLength) as Arena // there is no Buffer
    : (own as ArenaConstructor).from(buffer, byteOffset, byteLength); // it is Buffer
}
