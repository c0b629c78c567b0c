/**
 * The plugins of clients in browsers.
 *
 * @module
 */
import { SERVING } from "../messages/handlers/serving.ts";
import { OBSERVING } from "../messages/observe/observing.ts";
import { RESUMING } from "../messages/session/resume/resuming.ts";

/**
 * An optional part of a client.
 *
 * @typeParam Name name of the part
 *
 * @category Clients
 */
export interface BrowserPlugin<Name extends string> {
  /** Name of the part. */
  readonly name: Name;
}

/**
 * Plugins of a client: parts that not every page needs.
 *
 * A page carries only the parts that it passes.
 *
 * @category Clients
 */
export interface BrowserPlugins {
  /** Handles the calls of the server; required if the protocol has a client side. */
  serving?: BrowserPlugin<"serving"> | undefined;
  /** Resumes sessions after a cut; required for the option `resume`. */
  resumption?: BrowserPlugin<"resumption"> | undefined;
  /** Passes events to observers; required for the option `observers`. */
  observing?: BrowserPlugin<"observing"> | undefined;
}

/**
 * Plugin that handles the calls of the server.
 *
 * @category Clients
 */
export const serving: BrowserPlugin<"serving"> = SERVING;

/**
 * Plugin that resumes sessions after a cut.
 *
 * @category Clients
 */
export const resumption: BrowserPlugin<"resumption"> = RESUMING;

/**
 * Plugin that passes events to observers.
 *
 * @category Clients
 */
export const observing: BrowserPlugin<"observing"> = OBSERVING;
