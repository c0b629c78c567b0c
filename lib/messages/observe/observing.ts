/**
 * The part of a session that passes events to observers.
 *
 * @module
 */
import { checkObserver } from "./check_observer.ts";
import type { Observer } from "./observer.ts";
import { Observers } from "./observers.ts";

/** The part that passes events to observers. */
export interface Observing {
  /** Name of the plugin. */
  readonly name: "observing";
  /**
   * Returns the observers as one.
   *
   * @param observers the observers, outermost first
   * @param report reports what they throw
   * @throws {TypeError} if one is not a valid observer
   */
  observers(
    observers: readonly Observer[],
    report: (error: unknown) => void,
  ): Observers;
}

/** Passes events to observers. */
export const OBSERVING: Observing = {
  name: "observing",
  observers(observers, report) {
    for (const observer of observers) checkObserver(observer);
    return new Observers(observers, report);
  },
};
