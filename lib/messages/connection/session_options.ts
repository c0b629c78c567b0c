/**
 * Options that clients and servers have in common.
 *
 * @module
 */
import { IncidentLog } from "./incident_log.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import type { OnceCalling } from "../calls/once_calling.ts";
import type { Interceptor } from "../calls/interceptor.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import {
  checkExposure,
  exposedText,
  type IncidentReport,
  newIncidentId,
} from "../errors/incident_report.ts";
import type { CallError } from "../errors/call_error.ts";
import type { Observer } from "../observe/observer.ts";
import type { Observers } from "../observe/observers.ts";
import type { Observing } from "../observe/observing.ts";
import { type Violation, ViolationLog } from "../observe/violation_log.ts";
import { type LinkSettings, linkSettings } from "./link.ts";
import { pluginMissing, type SessionPlugins } from "./session_plugins.ts";
import { DEFAULT_MEMORY, MemoryBudget } from "./memory_budget.ts";
import type { Side } from "../protocol/protocol_types.ts";
import type { DrainOptions } from "../session/control/drain.ts";
import { describeType } from "../../support/describe_type.ts";
import {
  checkOptions,
  type KnownNames,
  type OptionNames,
} from "../support/check_options.ts";
import type { Resuming } from "../session/resume/resuming.ts";
import {
  resolveSessionLimits,
  type SessionLimits,
} from "../session/wire/limits.ts";

/**
 * A failure that no method declares, as reported to `onError`.
 *
 * @category Servers
 */
export interface Incident {
  /**
   * Id of the incident, a UUID. By default, it is the only detail that the peer
   * receives.
   */
  readonly id: string;
  /** Dotted name of the method; `""` if the failure concerns no method. */
  readonly method: string;
  /** The error that was thrown. */
  readonly error: unknown;
}

/**
 * Options that `serve()`, `createServer()` and `connect()` have in common.
 *
 * @category Sessions
 */
export interface SessionOptions {
  /**
   * Codecs for message bodies, in order of preference. The server uses the first
   * of the client's codecs that it supports. Credentials are encoded with the
   * client's first codec, and with them the server must support that one.
   *
   * @default {[msgpack()]}
   */
  codecs?: readonly [MessageCodec, ...MessageCodec[]] | undefined;
  /**
   * Limits that override the values of `DEFAULT_LIMITS`.
   *
   * @default `DEFAULT_LIMITS`
   */
  limits?:
    | {
      readonly [Name in keyof SessionLimits]?: SessionLimits[Name] | undefined;
    }
    | undefined;
  /**
   * Bytes of memory that the sessions may use for their peers: all sessions of a
   * server, or of a client of `createClient()`, together.
   *
   * At three eighths of it, sessions above their share refuse new calls of their
   * peers with `overloaded`, and grant no credit. At seven sixteenths, their
   * results are dropped if much is unsent; the calls fail with `overloaded`. At
   * half of it, sessions end with `refused-busy`, first the ones whose handshake is
   * incomplete, then the heaviest, and none is opened. The other half is for memory
   * that the engine has not collected yet. No session may hold more than a quarter.
   *
   * Of a server, the calls to its clients count, too: 4 KiB for each that waits for
   * its reply, and the messages that wait in it. Of a client, its own calls do not
   * count, nor do unsent bytes, which `limits.unsentHard` bounds.
   *
   * Handlers of methods that recently returned more than 16 KiB run only while
   * their replies together may have at most half of it, and the replies of one
   * session a sixteenth. Further requests wait, for `limits.queueTimeout` at most.
   *
   * @default {268435456}
   */
  memory?: number | undefined;
  /**
   * Interceptors around every call that this side makes, outermost first.
   *
   * @default {[]}
   */
  interceptors?: readonly Interceptor[] | undefined;
  /**
   * Observers of sessions and calls, for metrics, traces and logs, outermost
   * first.
   *
   * See {@link ./observe | `@lengthwise/lengthwise/observe`}.
   *
   * @default {[]}
   */
  observers?: readonly Observer[] | undefined;
  /**
   * Default timeout of calls that this side makes, in milliseconds.
   *
   * A timeout in a call's options, or in the declaration of its method, takes
   * precedence.
   *
   * @default no timeout
   */
  callTimeout?: number | undefined;
  /**
   * Called for every failure that no method declares.
   *
   * Examples are undeclared errors thrown by handlers, and errors thrown by
   * callbacks. The peer receives only the incident's id, unless `exposeErrors`
   * is set. The error itself is `incident.error`; the `onError` of a listener
   * (`@lengthwise/lengthwise/transport`) receives a `TransportError` directly.
   *
   * @default prints the incident with `console.error`
   */
  onError?: ((incident: Incident) => void | Promise<unknown>) | undefined;
  /**
   * Called with the number of this side's notifications that were dropped.
   *
   * The session ended before they were sent, or more than
   * `limits.maxQueuedBytes` were queued. The error says why: its `cause` is the
   * `SessionError` of a session that has ended, and its `method` is `""` if the
   * notifications may be of several methods. `stats.droppedNotifications` counts
   * them too. Errors that the callback throws are reported to `onError`.
   *
   * @default dropped notifications are only counted
   */
  onDropped?:
    | ((count: number, error: CallError) => void | Promise<unknown>)
    | undefined;
  /**
   * Recorder of the last frames of each session; see `session.recording()`.
   *
   * Only headers are recorded: time, direction, kind, flags, id and length. Those
   * of a session that ends by a violation are reported, at most once in 10 s for
   * all sessions of a server, and for all clients with the same `onViolation`.
   */
  recorder?: {
    /** Number of frames to keep, at most 4,096; 0 for none. @default {32} */
    frames?: number | undefined;
    /**
     * Called when a session ends because the peer violated the protocol.
     *
     * @default prints the reason and the last frames with `console.error`
     */
    onViolation?: ((violation: Violation) => void) | undefined;
  } | undefined;
  /**
   * Details that the peer receives about undeclared failures, besides the id.
   *
   * - `"none"`: no details.
   * - `"message"`: the error's name and message.
   * - `"stack"`: the error's stack.
   *
   * Details are truncated to 2,048 characters. They may contain paths, queries
   * or secrets: use them in development, or with peers that are as trusted as
   * this process.
   *
   * @default {"none"}
   */
  exposeErrors?: "none" | "message" | "stack" | undefined;
}

/** Names of the options that clients and servers have in common. */
export const SESSION_OPTIONS: OptionNames<SessionOptions> = {
  codecs: true,
  limits: true,
  memory: true,
  interceptors: true,
  observers: true,
  callTimeout: true,
  onError: true,
  onDropped: true,
  recorder: true,
  exposeErrors: true,
};

const RECORDER_OPTIONS = { frames: true, onViolation: true } as const; // the literal type that checkOptions() wants

/** Frames that are recorded unless `recorder` is set. */
const DEFAULT_FRAMES = 32;
/** Most frames that may be recorded: 96 KiB for each session. */
const MAX_FRAMES = 4096;

/** Session options, validated and with defaults. */
export interface ResolvedSessionOptions {
  /** Codecs for message bodies. */
  readonly codecs: readonly [MessageCodec, ...MessageCodec[]];
  /** All limits. */
  readonly limits: SessionLimits;
  /** Keeps sessions over several connections. */
  readonly resumption: Resuming | undefined;
  /** Makes calls that run at most once. */
  readonly once: OnceCalling | undefined;
  /** The memory of all sessions with these options. */
  readonly memory: MemoryBudget;
  /** Framing and options of the connections. */
  readonly links: LinkSettings;
  /** Interceptors around every call. */
  readonly interceptors: readonly Interceptor[];
  /** Observers; `undefined` if there are none. */
  readonly observers: Observers | undefined;
  /** Number of frame headers that each session records. */
  readonly recordedFrames: number;
  /** Reports violations of the protocol. */
  readonly violations: ViolationLog;
  /** Default options for every call. */
  readonly callDefaults: CallOptions;
  /** Reports a failure to `onError`. */
  readonly report: (error: unknown, method: string) => IncidentReport;
  /** Reports dropped notifications; never throws. */
  readonly onDropped: ((count: number, error: CallError) => void) | undefined;
}

/**
 * Validates the options and fills in the defaults.
 *
 * @param side the end that the options are for
 * @param plugins the parts that the options may need
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option has the wrong type, or needs a plugin
 */
export function resolveSessionOptions(
  side: Side,
  options: SessionOptions,
  plugins: SessionPlugins,
): ResolvedSessionOptions {
  const { codecs = defaultCodecs(plugins), limits } = options;
  const { memory = DEFAULT_MEMORY } = options;
  const allLimits = resolveSessionLimits(limits);
  const { interceptors = [], observers = [], callTimeout } = options;
  const { onError = logged(), exposeErrors = "none", onDropped } = options;
  const { recorder = {} } = options;
  checkOptions("the option recorder", recorder, RECORDER_OPTIONS);
  const { frames = DEFAULT_FRAMES, onViolation } = recorder;
  checkFunction("recorder.onViolation", onViolation);
  checkFrames(frames);
  checkExposure(exposeErrors);
  checkTimeout(callTimeout);
  checkFunction("onError", onError);
  checkFunction("onDropped", onDropped);
  checkList("interceptors", interceptors);
  checkList("observers", observers);
  checkList("codecs", codecs);
  checkCodecs(codecs);
  for (const interceptor of interceptors) {
    checkFunction("interceptors", interceptor);
  }
  function report(error: unknown, method: string): IncidentReport {
    const id = newIncidentId();
    // An error in `onError` must not end the session.
    (async () => await onError({ id, method, error }))().catch(() => {});
    return { incident: id, exposed: exposedText(error, exposeErrors) };
  }
  return {
    codecs,
    limits: allLimits,
    resumption: plugins.resumption,
    once: plugins.once,
    memory: new MemoryBudget(side, memory),
    links: linkSettings(allLimits),
    interceptors,
    observers: observers.length === 0
      ? undefined
      : observing(plugins).observers(observers, (error) => report(error, "")),
    recordedFrames: frames,
    violations: side === "client"
      ? ViolationLog.ofClients(onViolation)
      : new ViolationLog(onViolation),
    callDefaults: callTimeout === undefined ? {} : { timeout: callTimeout },
    report,
    onDropped: onDropped && ((count, error) => {
      (async () => await onDropped(count, error))().catch((thrown) =>
        report(thrown, "")
      );
    }),
  };
}

function defaultCodecs(
  { defaultCodec }: SessionPlugins,
): [MessageCodec, ...MessageCodec[]] {
  if (defaultCodec !== undefined) return [defaultCodec()];
  throw new TypeError(
    'Cannot create a session without the option "codecs": expected a codec such as json()',
  );
}

function observing({ observing }: SessionPlugins): Observing {
  if (observing !== undefined) return observing;
  throw pluginMissing('the option "observers"', "observing");
}

const DRAIN_OPTIONS: OptionNames<DrainOptions> = {
  grace: true,
  code: true,
  retryAfter: true,
  spread: true,
};

/**
 * Checks the options for a drain.
 *
 * @returns the options; a copy if some are inherited
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 */
export function checkDrainOptions<Options extends DrainOptions>(
  where: string,
  given: Options,
  more: KnownNames = {},
): Options {
  const options = checkOptions(where, given, { ...DRAIN_OPTIONS, ...more });
  const { grace = 0, code = "drain", retryAfter = 0, spread = 0 } = options;
  for (const [name, value] of Object.entries({ grace, retryAfter, spread })) {
    checkTime(`drain with ${name}`, value);
  }
  if (code !== "drain" && code !== "age") {
    throw new RangeError(
      `Cannot drain with code "${code}": expected "drain" or "age"`,
    );
  }
  return options;
}

/**
 * Checks a time in milliseconds.
 *
 * @param what what is impossible with another value, such as "drain with grace"
 * @throws {RangeError} if it is not an integer from 0 to 2 ** 31 - 1
 */
export function checkTime(what: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return;
  throw new RangeError(
    `Cannot ${what} ${value}: it must be an integer from 0 to ${
      2 ** 31 - 1
    } ms`,
  );
}

/**
 * Checks an option that must be a function or omitted.
 *
 * @throws {TypeError} if the value is anything else
 */
export function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as option "${name}": expected a function`,
  );
}

function checkList(name: string, value: unknown): void {
  if (Array.isArray(value)) return;
  throw new TypeError(
    `Cannot use ${describeType(value)} as option "${name}": expected an array`,
  );
}

function checkFrames(frames: number): void {
  if (Number.isInteger(frames) && frames >= 0 && frames <= MAX_FRAMES) return;
  throw new RangeError(
    `Cannot record ${frames} frames (option recorder.frames): it must be an integer from 0 to ${MAX_FRAMES}`,
  );
}

function checkCodecs(codecs: readonly unknown[]): void {
  for (const codec of codecs) {
    const isObject = typeof codec === "object" && codec !== null;
    if (isObject && "encodeInto" in codec) continue;
    throw new TypeError(
      `Cannot use ${
        describeType(codec)
      } as a codec: expected a codec such as json()`,
    );
  }
  if (codecs.length === 0) {
    throw new TypeError(
      'Cannot use an empty array as option "codecs": expected at least one codec',
    );
  }
}

function checkTimeout(timeout: number | undefined): void {
  if (timeout === undefined || typeof timeout === "number" && timeout > 0) {
    return;
  }
  throw new RangeError(
    `Cannot use ${timeout} as callTimeout: it must be a number above 0 ms or omitted`,
  );
}

/** Returns the default `onError`, which prints incidents. */
function logged(): (incident: Incident) => void {
  const log = new IncidentLog();
  return (incident) => log.print(incident, performance.now());
}
