/**
 * Calls of a capture, put together from their frames.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Shape } from "../../messages/session/wire/shape.ts";
import { Feature } from "../../messages/session/wire/features.ts";
import {
  fieldsEnd,
  type Metadata,
  readFields,
  requestFields,
} from "../../messages/session/wire/fields.ts";
import { MalformedError } from "../../messages/session/wire/malformed_error.ts";
import { HEADER } from "../../messages/session/wire/frame_header.ts";
import { CliError } from "../errors.ts";
import type { CapturedFrame } from "./captured_frame.ts";
import type { Filter } from "./filter.ts";
import { readPcapng } from "./pcapng.ts";
import { LENGTH, SessionDecoder } from "./session_decoder.ts";

/** A call or notification of a client. */
export interface RecordedCall {
  /** Number of the connection, from 1. */
  readonly connection: number;
  /** Time of its first frame, in ms since 1970. */
  readonly time: number;
  /** Dotted name of the method. */
  readonly method: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Metadata of the call. */
  readonly metadata: Metadata;
  /** Encoded input or opening; empty if it is absent. */
  readonly value: Uint8Array;
  /** Encoded items that the client sent. */
  readonly items: readonly Uint8Array[];
  /** Number of items that the client received. */
  readonly received: number;
  /** `"ok"` or the code of the error; `undefined` without an end. */
  readonly outcome: string | undefined;
  /** Whether the client cancelled it. */
  readonly cancelled: boolean;
  /** Codec of the values. */
  readonly codec: string;
}

/** Largest metadata of a call, in bytes. */
const MAX_METADATA = 64 * 1024;

/**
 * Returns the calls of clients in a capture, first ones first.
 *
 * @param filter selects calls by the first frame of their REQUEST or NOTIFY
 * @throws {CliError} with the code `no` if the file is damaged, or was written
 * without bodies
 */
export function recordedCalls(
  file: Uint8Array,
  filter: Filter,
): RecordedCall[] {
  try {
    return collect(file, filter);
  } catch (error) {
    throw error instanceof MalformedError
      ? new CliError(`Cannot replay: ${error.message}`, {
        code: "no",
        cause: error,
      })
      : error;
  }
}

function collect(file: Uint8Array, filter: Filter): RecordedCall[] {
  const sessions: SessionCalls[] = [];
  const calls: CallInProgress[] = [];
  for (const entry of readPcapng(file)) {
    if ("interface" in entry) {
      sessions.push(new SessionCalls(sessions.length + 1, filter, calls));
      continue;
    }
    const { interface: index, dir, bytes, size, time } = entry.packet;
    const session = sessions[index]!; // readPcapng() checks it
    const { decoder } = session;
    session.add(decoder.describe(dir, bytes.subarray(LENGTH), size, time));
  }
  return calls.filter(({ whole }) => whole).map((call) => call.recorded());
}

/** A call whose frames are being collected. */
class CallInProgress {
  readonly #decoder: SessionDecoder;
  readonly #first: CapturedFrame;
  readonly #method: string;
  readonly #shape: Shape;
  readonly #request: Uint8Array[] = [];
  #item: Uint8Array[] = [];
  readonly items: Uint8Array[] = [];
  received = 0;
  outcome: string | undefined = undefined;
  cancelled = false;
  /** Whether the last frame of the REQUEST has arrived. */
  whole = false;

  constructor(
    decoder: SessionDecoder,
    first: CapturedFrame,
    method: string,
    shape: Shape,
  ) {
    this.#decoder = decoder;
    this.#first = first;
    this.#method = method;
    this.#shape = shape;
  }

  addRequest(frame: CapturedFrame): void {
    this.#request.push(wholeBody(frame));
    this.whole = !frame.more;
  }

  addItem(frame: CapturedFrame): void {
    this.#item.push(wholeBody(frame));
    if (frame.more) return;
    const body = concat(this.#item);
    this.#item = [];
    this.items.push(body.subarray(fieldsEnd(body, 0)));
  }

  recorded(): RecordedCall {
    const body = concat(this.#request);
    const end = fieldsEnd(body, 2);
    const { metadata } = readFields(
      body,
      2,
      end,
      requestFields(Feature.ONCE),
      MAX_METADATA,
    );
    const { connection, time } = this.#first;
    const { items, received, outcome, cancelled } = this;
    return {
      connection,
      time,
      method: this.#method,
      shape: this.#shape,
      metadata,
      value: body.subarray(end),
      items,
      received,
      outcome,
      cancelled,
      codec: this.#decoder.codec,
    };
  }
}

/** Collects the calls of one connection. */
class SessionCalls {
  readonly decoder: SessionDecoder;
  readonly #filter: Filter;
  readonly #all: CallInProgress[];
  readonly #open: Map<number, CallInProgress> = new Map();
  #notification: CallInProgress | undefined;

  constructor(connection: number, filter: Filter, all: CallInProgress[]) {
    this.decoder = new SessionDecoder(connection);
    this.#filter = filter;
    this.#all = all;
  }

  add(frame: CapturedFrame): void {
    if (frame.dir === "in") this.#sent(frame);
    else this.#received(frame);
  }

  #sent(frame: CapturedFrame): void {
    switch (frame.kind) {
      case "REQUEST": {
        const call = this.#open.get(frame.id) ?? this.#begin(frame);
        if (call === undefined) return;
        this.#open.set(frame.id, call);
        return call.addRequest(frame);
      }
      case "NOTIFY": {
        const call = this.#notification ?? this.#begin(frame);
        call?.addRequest(frame);
        this.#notification = frame.more ? call : undefined;
        return;
      }
      case "ITEM":
        return this.#open.get(frame.id)?.addItem(frame);
      case "CANCEL": {
        const call = this.#open.get(frame.id);
        if (call !== undefined) call.cancelled = true;
      }
    }
  }

  #begin(frame: CapturedFrame): CallInProgress | undefined {
    const { method, shape } = frame;
    if (method === undefined || shape === undefined || !this.#filter(frame)) {
      return undefined;
    }
    const call = new CallInProgress(this.decoder, frame, method, shape);
    this.#all.push(call);
    return call;
  }

  #received(frame: CapturedFrame): void {
    const call = this.#open.get(frame.id);
    if (call === undefined || frame.more) return;
    switch (frame.kind) {
      case "ITEM":
        call.received++;
        return;
      case "RESULT":
      case "ERROR":
        call.outcome = frame.code ?? "ok";
        this.#open.delete(frame.id);
    }
  }
}

/** @throws {CliError} if the body of the frame was not captured as a whole */
function wholeBody({ bytes, size, kind }: CapturedFrame): Uint8Array {
  if (bytes.length === size) return bytes.subarray(LENGTH + HEADER);
  throw new CliError(
    `Cannot replay: the body of a ${kind} has only ${bytes.length} of ${size} bytes`,
    { code: "no", hint: "record with tap --bodies full --write x.pcapng" },
  );
}
