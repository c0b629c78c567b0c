/**
 * The parts of a session that not every program needs.
 *
 * The entry points pass them in, so that bundlers leave out parts that a program
 * does not use.
 *
 * @module
 */
import type { OnceCalling } from "../calls/once_calling.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { Serving } from "../handlers/serving.ts";
import type { Observing } from "../observe/observing.ts";
import type { Resuming } from "../session/resume/resuming.ts";

/** Optional parts of a session. */
export interface SessionPlugins {
  /** Handles the calls of the peer. */
  readonly serving?: Serving | undefined;
  /** Passes events to observers. */
  readonly observing?: Observing | undefined;
  /** Keeps sessions over several connections. */
  readonly resumption?: Resuming | undefined;
  /** Makes calls that run at most once. */
  readonly once?: OnceCalling | undefined;
  /** Returns the codec of programs that choose none. */
  readonly defaultCodec?: (() => MessageCodec) | undefined;
}

/**
 * Returns the error for an option that needs a plugin.
 *
 * @param option the option
 * @param plugin name of the plugin
 */
export function pluginMissing(option: string, plugin: string): TypeError {
  return new TypeError(
    `Cannot use ${option} without its plugin: pass the option "plugins" with \`${plugin}\``,
  );
}
