/**
 * Replies as they come in: whole, or in frames that are put together.
 *
 * @module
 */
import { Reassembly, type ReassemblyFault } from "../flow/reassembly.ts";
import { callError } from "./call_failures.ts";
import { decodeError } from "../wire/error_frame.ts";
import {
  FIELDS_OF,
  fieldsEnd,
  MalformedError,
  readFields,
} from "../wire/fields.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { messageOf } from "../wire/malformed_error.ts";
import type { GiveUpReason, OutgoingCall } from "./outgoing_call.ts";
import { Flag, HEADER } from "../wire/frame_header.ts";

/** The whole body, `undefined` while more of it must come, or why the call is given up. */
export function assembleReply(
  shared: SharedState,
  call: OutgoingCall,
  frame: Uint8Array,
): Uint8Array | GiveUpReason | undefined {
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  const kind = frame[0]!; // as above
  const part = frame.subarray(HEADER);
  if (!more && call.reply === undefined) return part;
  const reply = call.reply ??= begin(shared, call, kind);
  if (kind !== call.replyKind) {
    return { code: "malformed", message: "the reply is RESULT and ERROR both" };
  }
  const fault = reply.add(part) ?? reply.claim();
  if (fault !== undefined) return tooMuch(shared, fault);
  if (more) return undefined;
  shared.wheel.remove(reply);
  call.reply = undefined;
  return reply.finish();
}

function begin(
  shared: SharedState,
  call: OutgoingCall,
  kind: number,
): Reassembly {
  const { budget, limits, wheel, now } = shared;
  const reply = new Reassembly(budget, limits, () =>
    call.broken(
      "malformed",
      `the reply was not whole after ${limits.assemblyTimeout} ms`,
    ));
  wheel.add(reply, now + limits.assemblyTimeout);
  call.replyKind = kind;
  return reply;
}

function tooMuch(
  { limits }: SharedState,
  fault: ReassemblyFault,
): GiveUpReason {
  return {
    code: fault === "over-budget" ? "overloaded" : "too-large",
    message: fault === "over-budget"
      ? `more than ${limits.maxAssembly} bytes of messages are unfinished (limit maxAssembly)`
      : `the reply is ${fault} (limits maxMessage ${limits.maxMessage} bytes, maxFragments ${limits.maxFragments})`,
  };
}

/** Forgets an unfinished reply. */
export function dropReply(shared: SharedState, call: OutgoingCall): void {
  if (call.reply === undefined) return;
  shared.wheel.remove(call.reply);
  call.reply.drop();
  call.reply = undefined;
}

/**
 * Hands a whole RESULT to the call's observer.
 *
 * @param cutItem whether it came in the middle of an item
 */
export function deliverResult(
  shared: SharedState,
  call: OutgoingCall,
  body: Uint8Array,
  cutItem: boolean,
): void {
  let end;
  let fields;
  try {
    if (cutItem) throw new MalformedError("it came in the middle of an item");
    end = fieldsEnd(body, 0);
    fields = readFields(
      body,
      0,
      end,
      FIELDS_OF.RESULT,
      shared.limits.maxMetadata,
    );
  } catch (error) {
    return malformed(shared, call, error);
  }
  call.observer.onResult(body.subarray(end), fields);
}

/** Hands a whole ERROR to the call's observer. */
export function deliverError(
  shared: SharedState,
  call: OutgoingCall,
  body: Uint8Array,
): void {
  let failure;
  try {
    failure = decodeError(body, shared.writer.codec, call.info.name);
  } catch (error) {
    return malformed(shared, call, error);
  }
  call.observer.onFailed(failure);
}

function malformed(
  shared: SharedState,
  call: OutgoingCall,
  error: unknown,
): void {
  if (!(error instanceof MalformedError)) throw error;
  shared.stats.malformedCalls++;
  const message = `the reply is malformed: ${messageOf(error)}`;
  call.observer.onFailed(callError(call, "malformed", message, {}));
}
