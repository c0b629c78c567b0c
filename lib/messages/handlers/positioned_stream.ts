/**
 * How items with positions are sent, and how their stream moves.
 *
 * @module
 */
import { isDrain, type SessionError } from "../errors/call_error.ts";
import type { StandardSchema } from "../schema/standard_schema.ts";
import { itemFields } from "../session/wire/fields.ts";
import type { ItemHead } from "../session/flow/item_frame.ts";
import type { StreamStep } from "../streams/positioned_items.ts";
import { checkOutput } from "./value_validation.ts";

/** Returns the fields of a step, which are sent with its item. */
export function headOf({ item, ...fields }: StreamStep): ItemHead {
  return { fields: itemFields(fields), hasValue: item !== undefined };
}

/** Returns a step with its validated item. */
export async function checkStep(
  output: StandardSchema,
  step: StreamStep,
): Promise<StreamStep> {
  if (step.item === undefined) return step;
  return {
    ...step,
    item: { value: await checkOutput(output, step.item.value) },
  };
}

/** Ends a stream during a drain; its caller continues it elsewhere. */
export class StreamMove {
  /** Whether the stream has ended in this way. */
  moved = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  readonly #end: () => void;

  /** @param end stops sending */
  constructor(end: () => void) {
    this.#end = end;
  }

  /**
   * Called when the session drains. The streams of a server end spread over
   * time, as their callers come back.
   *
   * @param most milliseconds that the stream may go on
   */
  onDraining({ code, remote, spread }: SessionError, most: number): void {
    if (!isDrain(code) || remote) return; // a caller that drains needs no advice
    const delay = Math.random() * Math.min(spread, most);
    this.#timer = setTimeout(() => {
      this.moved = true;
      this.#end();
    }, delay);
  }

  /** Called when the stream has ended. */
  clear(): void {
    clearTimeout(this.#timer);
  }
}
