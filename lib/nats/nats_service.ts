/**
 * Registers a server as a NATS service.
 *
 * The tools of the services framework (ADR-32 of NATS) find, ping and inspect it.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { NatsConnection, NatsSubscription } from "./nats_connection.ts";
import { SUBJECT } from "./stream_options.ts";

/** Options for {@linkcode natsService}. */
export interface NatsServiceOptions {
  /** Name of the service: 1 to 64 characters of `A-Z a-z 0-9 _ -`. */
  name: string;
  /** Version of the service, such as `"1.2.0"`. */
  version: string;
  /**
   * Text for people.
   *
   * @default {""}
   */
  description?: string | undefined;
  /**
   * Subject at which the service is reached, as tools show it.
   *
   * @default `lw.` and the name
   */
  subject?: string | undefined;
  /**
   * Further facts, such as the region.
   *
   * @default {{}}
   */
  metadata?: Readonly<Record<string, string>> | undefined;
}

/** The parts of a server that {@linkcode natsService} reports. */
export interface ReportedServer {
  /** Random id of the instance. */
  readonly instance: string;
  /** Resolves when the server has shut down. */
  readonly finished: Promise<void>;
  /** Figures of the server, with those of its methods. */
  readonly stats: {
    /** Calls by the name of their method. */
    readonly methods: Readonly<
      Record<string, {
        /** Number of calls that began. */
        readonly started: number;
        /** Number of calls that failed. */
        readonly failed: number;
        /** Number of calls that were not processed. */
        readonly refused: number;
        /** Milliseconds that they took together. */
        readonly time: number;
      }>
    >;
  };
}

const OPTIONS: OptionNames<NatsServiceOptions> = {
  name: true,
  version: true,
  description: true,
  subject: true,
  metadata: true,
};

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Semantic versions, as semver.org has them. */
const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

const NANOSECONDS = 1_000_000;

/**
 * Registers a server as a NATS service.
 *
 * `nats micro ls`, and the clients of the services framework, then find it by its
 * name, ping it, and read the calls, failures and times of its methods. Calls do not
 * pass through these subjects. The registration ends with the server.
 *
 * @param connection a NATS connection
 * @param server the server
 * @param options name and version
 * @returns a disposable that ends the registration
 * @throws {RangeError} if the name, the version or the subject is not valid
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts ignore
 * import { natsService } from "@lengthwise/lengthwise/nats";
 *
 * natsService(nats, server, { name: "shop", version: "1.2.0" });
 * ```
 */
export function natsService(
  connection: NatsConnection,
  server: ReportedServer,
  options: NatsServiceOptions,
): Disposable {
  checkOptions("natsService()", options, OPTIONS);
  const { name, version, description = "", metadata = {} } = options;
  const { subject = `lw.${name}` } = options;
  check("name", name, NAME, "1 to 64 characters of A-Z a-z 0-9 _ -");
  check("version", version, VERSION, "a version such as 1.2.0");
  check("subject", subject, SUBJECT, "a subject without wildcards");
  const { instance: id } = server;
  const started = new Date().toISOString();
  const service = { name, id, version, metadata };
  const endpoints = () =>
    Object.entries(server.stats.methods).map(([method, totals]) => ({
      totals,
      endpoint: {
        name: method.replaceAll(".", "-"),
        subject: `${subject}.${method}`,
        queue_group: "q",
        metadata: { method },
      },
    }));
  const replies: Readonly<Record<string, () => object>> = {
    PING: () => ({ ...service, type: "io.nats.micro.v1.ping_response" }),
    INFO: () => ({
      ...service,
      type: "io.nats.micro.v1.info_response",
      description,
      endpoints: endpoints().map(({ endpoint }) => endpoint),
    }),
    STATS: () => ({
      ...service,
      type: "io.nats.micro.v1.stats_response",
      started,
      endpoints: endpoints().map(({ endpoint, totals }) => {
        const { started, failed, refused, time } = totals;
        const nanoseconds = Math.round(time * NANOSECONDS);
        return {
          ...endpoint,
          num_requests: started,
          num_errors: failed + refused,
          last_error: "",
          processing_time: nanoseconds,
          average_processing_time: started === 0
            ? 0
            : Math.round(nanoseconds / started),
        };
      }),
    }),
  };
  const subscriptions: NatsSubscription[] = [];
  for (const [verb, reply] of Object.entries(replies)) {
    const callback: Parameters<NatsConnection["subscribe"]>[1]["callback"] = (
      error,
      message,
    ) => {
      if (error !== null) return;
      try {
        message.respond(JSON.stringify(reply()));
      } catch {
        // The connection has closed since.
      }
    };
    for (const suffix of ["", `.${name}`, `.${name}.${id}`]) {
      const subscribed = `$SRV.${verb}${suffix}`;
      subscriptions.push(connection.subscribe(subscribed, { callback }));
    }
  }
  const end = () => {
    for (const subscription of subscriptions.splice(0)) {
      try {
        subscription.unsubscribe();
      } catch {
        // The connection is closed, and the subscription with it.
      }
    }
  };
  server.finished.then(end);
  return { [Symbol.dispose]: end };
}

function check(
  name: string,
  value: string,
  pattern: RegExp,
  expected: string,
): void {
  if (typeof value === "string" && pattern.test(value)) return;
  throw new RangeError(
    `Cannot register a service with the ${name} "${
      String(value)
    }": expected ${expected}`,
  );
}
