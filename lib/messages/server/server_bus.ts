/**
 * The options of a server that join it with others.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import type { Bus } from "../bus/bus.ts";
import {
  BusMember,
  type BusMemberOptions,
  type BusOptions,
} from "../bus/bus_member.ts";
import { checkFunction, checkTime } from "../connection/session_options.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";

const BUS_OPTIONS: OptionNames<BusOptions> = {
  prefix: true,
  linger: true,
  maxTopics: true,
  onGap: true,
  onStatus: true,
};

/** Maximum number of topics with subscribers. */
export const DEFAULT_MAX_TOPICS = 50_000;

/** First parts of subjects. */
const PREFIX = /^[A-Za-z0-9_-]{1,64}$/;

/** Functions of a bus. */
const FUNCTIONS = ["onStatus", "publish", "subscribe"] as const; // names of members

/** Options for {@linkcode busMember}. */
export interface ServerBusOptions
  extends
    Pick<BusMemberOptions, "instance" | "protocol" | "deliver" | "report"> {
  /** The options of the server. */
  readonly options: {
    readonly bus?: Bus | undefined;
    readonly busOptions?: BusOptions | undefined;
  };
}

/**
 * Makes a server a member of its bus, if it has one.
 *
 * @throws {TypeError} if the bus is not one, or an option is unknown
 * @throws {RangeError} if an option is out of range
 */
export function busMember(
  { options, ...member }: ServerBusOptions,
): BusMember | undefined {
  const { bus, busOptions = {} } = options;
  checkOptions("the option busOptions", busOptions, BUS_OPTIONS);
  const { prefix = "lw", linger = 5_000, onGap, onStatus } = busOptions;
  const { maxTopics = DEFAULT_MAX_TOPICS } = busOptions;
  checkTime("serve with busOptions.linger", linger);
  checkFunction("busOptions.onGap", onGap);
  checkFunction("busOptions.onStatus", onStatus);
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    throw new RangeError(
      `Cannot serve with the prefix "${
        String(prefix)
      }" of busOptions: expected 1 to 64 characters of A-Z a-z 0-9 _ -`,
    );
  }
  if (!Number.isInteger(maxTopics) || maxTopics < 1) {
    throw new RangeError(
      `Cannot serve with maxTopics ${maxTopics} of busOptions: it must be an integer of at least 1`,
    );
  }
  if (bus === undefined) return undefined;
  const missing = typeof bus === "object" && bus !== null
    ? FUNCTIONS.find((name) => typeof bus[name] !== "function")
    : "publish";
  if (missing !== undefined) {
    throw new TypeError(
      `Cannot use ${
        describeType(bus)
      } as option "bus": expected a bus, such as broadcastChannelBus() returns`,
    );
  }
  const subscribing = { prefix, linger, maxTopics };
  return new BusMember({ ...member, ...subscribing, bus, onGap, onStatus });
}
