/**
 * Reads replies that arrive in one frame or in several.
 *
 * @module
 */
import { messageOf } from "../../../support/message_of.ts";
import { Reassembly, type ReassemblyFault } from "../flow/reassembly.ts";
import { callError } from "./call_failures.ts";
import { decodeError } from "../wire/error_frame.ts";
import {
  FIELDS_OF,
  fieldsEnd,
  MalformedError,
  readFields,
  UnknownFieldError,
} from "../wire/fields.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { GiveUpReason, OutgoingCall } from "./outgoing_call.ts";
import { Flag, HEADER } from "../wire/frame_header.ts";

/**
 * Adds a frame to a call's reply.
 *
 * @returns the frame if it is the whole reply, or the body from all its frames;
 * `undefined` while frames are missing; or the reason for giving up the call
 */
export function assembleReply(
  shared: SharedState,
  call: OutgoingCall,
  frame: Uint8Array,
): Uint8Array | GiveUpReason | undefined {
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  const kind = frame[0]!; // as above
  if (!more && call.reply === undefined) return frame;
  const reply = call.reply ??= begin(shared, call, kind);
  if (kind !== call.replyKind) {
    return {
      code: "malformed",
      message: "the reply mixes RESULT and ERROR frames",
    };
  }
  const fault = reply.add(frame.subarray(HEADER)) ?? reply.claim();
  if (fault !== undefined) return faultReason(shared, fault);
  if (more) return undefined;
  call.reply = undefined;
  return reply.finish();
}

function begin(
  shared: SharedState,
  call: OutgoingCall,
  kind: number,
): Reassembly {
  const reply = new Reassembly(
    shared,
    shared.reassemblyBudget,
    (reason) => call.fail("malformed", `the reply is incomplete: ${reason}`),
  );
  reply.startTimer();
  call.replyKind = kind;
  return reply;
}

function faultReason(
  { limits }: SharedState,
  fault: ReassemblyFault,
): GiveUpReason {
  return {
    code: fault === "over-budget" ? "overloaded" : "too-large",
    message: {
      "too-large":
        `the reply exceeds ${limits.maxMessage} bytes (limit maxMessage)`,
      "too-many":
        `the reply has more than ${limits.maxFragments} frames (limit maxFragments)`,
      "over-budget":
        `unfinished messages exceed ${limits.maxAssembly} bytes (limit maxAssembly)`,
    }[fault],
  };
}

/** Drops an unfinished reply. */
export function dropReply(call: OutgoingCall): void {
  if (call.reply === undefined) return;
  call.reply.drop();
  call.reply = undefined;
}

/**
 * Passes a complete RESULT to the call's observer.
 *
 * @param at offset at which the RESULT begins
 * @param interruptsItem whether the RESULT arrived between the frames of an
 * item
 */
export function deliverResult(
  shared: SharedState,
  call: OutgoingCall,
  bytes: Uint8Array,
  at: number,
  interruptsItem: boolean,
): void {
  let end;
  let fields;
  try {
    if (interruptsItem) {
      throw new MalformedError("it arrived between the frames of an item");
    }
    end = fieldsEnd(bytes, at);
    fields = readFields(
      bytes,
      at,
      end,
      FIELDS_OF.RESULT,
      shared.limits.maxMetadata,
    );
  } catch (error) {
    return malformed(shared, call, error);
  }
  shared.stats.callsMade.ok++;
  call.observer.onResult(bytes.subarray(end), fields);
}

/**
 * Passes a complete ERROR to the call's observer.
 *
 * @param at offset at which the ERROR begins
 */
export function deliverError(
  shared: SharedState,
  call: OutgoingCall,
  bytes: Uint8Array,
  at: number,
): void {
  let failure;
  try {
    const body = bytes.subarray(at);
    failure = decodeError(body, shared.writer.codec, call.info.name);
  } catch (error) {
    return malformed(shared, call, error);
  }
  call.failed(failure);
}

function malformed(
  shared: SharedState,
  call: OutgoingCall,
  error: unknown,
): void {
  if (!(error instanceof MalformedError)) throw error;
  const code = error instanceof UnknownFieldError
    ? "unimplemented"
    : "malformed";
  const message = `the reply is ${code}: ${messageOf(error)}`;
  failReply(shared, call, { code, message });
}

/** Fails a call whose terminal frame has arrived but is not valid. */
export function failReply(
  shared: SharedState,
  call: OutgoingCall,
  { code, message }: GiveUpReason,
): void {
  if (code === "malformed") shared.stats.malformedCalls++;
  const { processed } = call;
  call.failed(callError(call, message, { code, processed }));
}
