/**
 * The plugins of clients in browsers.
 *
 * @module
 */
import { ONCE_CALLING } from "../messages/calls/once_calling.ts";
import { SERVING } from "../messages/handlers/serving.ts";
import { OBSERVING } from "../messages/observe/observing.ts";
import { RESUMING } from "../messages/session/resume/resuming.ts";

/**
 * Plugins of a client: parts that not every page needs.
 *
 * A page carries only the parts that it passes.
 *
 * @category Clients
 */
export interface BrowserPlugins {
  /** Handles the calls of the server; required if the protocol has a client side. */
  serving?: { readonly name: "serving" } | undefined;
  /** Resumes sessions after a cut; required for the option `resume`. */
  resumption?: { readonly name: "resumption" } | undefined;
  /** Identifies calls of methods declared `once`; required for such methods. */
  once?: { readonly name: "once" } | undefined;
  /** Passes events to observers; required for the option `observers`. */
  observing?: { readonly name: "observing" } | undefined;
}

/**
 * Plugin that handles the calls of the server.
 *
 * @category Clients
 */
export const serving: { readonly name: "serving" } = SERVING;

/**
 * Plugin that resumes sessions after a cut.
 *
 * @category Clients
 */
export const resumption: { readonly name: "resumption" } = RESUMING;

/**
 * Plugin that passes events to observers.
 *
 * @category Clients
 */
export const observing: { readonly name: "observing" } = OBSERVING;

/**
 * Plugin that makes calls of methods that are declared `once`.
 *
 * @category Clients
 */
export const once: { readonly name: "once" } = ONCE_CALLING;
