/**
 * Steps with which many conversations begin; `messages.json` has them once.
 *
 * @module
 */
import {
  type Conversation,
  Script,
  type Step,
} from "./conversations/script.ts";
import { oneLine } from "./json_text.ts";

/** Steps by name. */
export type Preludes = Readonly<Record<string, readonly Step[]>>;

/** A conversation as it is in the file. */
export interface ShortConversation extends Omit<Conversation, "steps"> {
  /** Name of the steps before its own. */
  readonly prelude?: string;
  /** Its own steps. */
  readonly steps: readonly Step[];
}

/** The preludes, longest first. */
export const PRELUDES: Preludes = {
  handshake: stepsOf((script) => script.opened()),
  clientHello: stepsOf((script) => script.greeted()),
};

function stepsOf(write: (script: Script) => Script): readonly Step[] {
  return write(new Script("", "")).conversation.steps;
}

/** Replaces the first steps of a conversation with the longest prelude. */
export function shorten(conversation: Conversation): ShortConversation {
  const { steps, ...rest } = conversation;
  for (const [prelude, first] of Object.entries(PRELUDES)) {
    if (oneLine(steps.slice(0, first.length)) === oneLine(first)) {
      return { ...rest, prelude, steps: steps.slice(first.length) };
    }
  }
  return conversation;
}

/** Returns a conversation with all its steps. */
export function expand(
  conversation: ShortConversation,
  preludes: Preludes,
): Conversation {
  const { prelude, steps, ...rest } = conversation;
  if (prelude === undefined) return { ...rest, steps: [...steps] };
  const first = preludes[prelude];
  if (first === undefined) throw new Error(`Unknown prelude "${prelude}"`);
  return { ...rest, steps: [...first, ...steps] };
}
