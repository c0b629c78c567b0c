/**
 * All plugins of sessions.
 *
 * @module
 */
import { ONCE_CALLING } from "../calls/once_calling.ts";
import { defaultCodec } from "../codec/default_codec.ts";
import { SERVING } from "../handlers/serving.ts";
import { OBSERVING } from "../observe/observing.ts";
import { RESUMING } from "../session/resume/resuming.ts";
import type { SessionPlugins } from "./session_plugins.ts";

/** Every plugin: what servers and clients outside of browsers have. */
export const ALL_PLUGINS:
  & SessionPlugins
  & Required<Pick<SessionPlugins, "serving">> = {
    serving: SERVING,
    observing: OBSERVING,
    resumption: RESUMING,
    once: ONCE_CALLING,
    defaultCodec,
  };
