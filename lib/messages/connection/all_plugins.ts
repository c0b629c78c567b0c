/**
 * All plugins of sessions.
 *
 * @module
 */
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
    defaultCodec,
  };
