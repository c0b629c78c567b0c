/**
 * A compliance suite for the {@linkcode Bus} contract. Servers can share any bus
 * that passes it.
 *
 * @module
 */
import type { Bus } from "../messages/bus/bus.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { randomId } from "../messages/support/random_id.ts";
import { BUS_CHECKS } from "./bus_checks.ts";
import { deadline } from "./deadline.ts";
import { runChecks } from "./run_checks.ts";

/**
 * Options for {@linkcode checkBus}.
 *
 * @category Compliance
 */
export interface BusCheckOptions {
  /**
   * Runs one check. Pass the step function of a test framework to report each
   * check by name. It must run the check and rethrow its error.
   *
   * @default {(_name, check) => check()}
   */
  step?:
    | ((name: string, check: () => Promise<void>) => Promise<unknown>)
    | undefined;
  /**
   * Milliseconds that a single wait may take before its check fails.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
  /**
   * Disconnects a member, which is then `"down"`. Without it and `reconnect`, the
   * check of losses is skipped.
   */
  disconnect?: ((bus: Bus) => void | Promise<void>) | undefined;
  /** Lets the member connect again. */
  reconnect?: ((bus: Bus) => void | Promise<void>) | undefined;
}

const OPTIONS: OptionNames<BusCheckOptions> = {
  step: true,
  timeout: true,
  disconnect: true,
  reconnect: true,
};

/**
 * Checks a bus against the whole {@linkcode Bus} contract.
 *
 * It checks delivery, order, subjects, sizes, the readiness and the end of
 * subscriptions, losses of the connection, and the history if there is one. It needs no test framework.
 *
 * @param makePair returns two members of one bus, for each check; they are yours
 * to close
 * @param options how to disconnect a member, and how to run the checks
 * @throws {AggregateError} with one `Error` for each failed check
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { memoryBus } from "@lengthwise/lengthwise/bus";
 * import { checkBus } from "@lengthwise/lengthwise/testing";
 *
 * const bus = memoryBus();
 * await checkBus(() => [bus, bus.join()], {
 *   disconnect: () => bus.disconnect(),
 *   reconnect: () => bus.reconnect(),
 * });
 * ```
 *
 * @category Compliance
 */
export async function checkBus(
  makePair: () =>
    | readonly [near: Bus, far: Bus]
    | Promise<readonly [near: Bus, far: Bus]>,
  options: BusCheckOptions = {},
): Promise<void> {
  checkOptions("checkBus()", options, OPTIONS);
  const {
    step = (_name, check) => check(),
    timeout = 10_000,
    disconnect,
    reconnect,
  } = options;
  const within = deadline(timeout);
  await runChecks("bus", BUS_CHECKS, (name, check) =>
    step(name, async () => {
      const pair = (async () => await makePair())();
      const [near, far] = await within(pair, "a pair of members");
      const subscribed: Disposable[] = [];
      const kept = (bus: Bus) => keepSubscriptions(bus, subscribed);
      const subject = `check.${randomId()}`;
      try {
        await check({
          ...{ near: kept(near), far: kept(far), subject, within },
          disconnect: disconnect && (() => disconnect(near)),
          reconnect: reconnect && (() => reconnect(near)),
        });
      } finally {
        for (const subscription of subscribed) subscription[Symbol.dispose]();
      }
    }));
}

/** Returns a bus whose subscriptions are added to a list. */
function keepSubscriptions(bus: Bus, list: Disposable[]): Bus {
  return {
    get maxMessage() {
      return bus.maxMessage;
    },
    get status() {
      return bus.status;
    },
    history: bus.history,
    onStatus: (listener) => bus.onStatus(listener),
    publish: (subject, message) => bus.publish(subject, message),
    subscribe(subject, receive) {
      const subscription = bus.subscribe(subject, receive);
      list.push(subscription);
      return subscription;
    },
  };
}
