/**
 * Whether a server, and each service of it, can serve calls.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";

/**
 * Whether a service can serve calls; `"unknown"` if it was never set.
 *
 * @category Server
 */
export type HealthStatus = "serving" | "not-serving" | "unknown";

const STATUSES: readonly unknown[] = ["serving", "not-serving", "unknown"];

/**
 * Health of a server and its services, as `server.health`.
 *
 * @category Server
 */
export interface ServerHealth {
  /**
   * Sets the status of a service.
   *
   * Has no effect during a shutdown: all services then are `"not-serving"`.
   *
   * @param service name of the service; `""` for the server as a whole
   * @throws {TypeError} if the name is not a string
   * @throws {RangeError} if the status is unknown
   */
  set(service: string, status: HealthStatus): void;
  /** Returns the status of a service; `""` is `"serving"` unless it was set. */
  get(service: string): HealthStatus;
  /** Returns the status of each service that was set. */
  list(): Record<string, HealthStatus>;
  /**
   * Returns the status of a service now, and after each change.
   *
   * A reader that is slow receives only the latest status.
   */
  watch(service: string): AsyncIterableIterator<HealthStatus>;
}

/** The health of a server. */
export class HealthRegistry implements ServerHealth {
  readonly #statuses: Map<string, HealthStatus> = new Map([["", "serving"]]);
  readonly #watchers: Set<Watcher> = new Set();
  #stopped = false;

  /** Whether any reader watches. */
  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  set(service: string, status: HealthStatus): void {
    if (typeof service !== "string") {
      throw new TypeError(
        `Cannot set the health of ${
          describeType(service)
        }: expected the name of a service`,
      );
    }
    if (!STATUSES.includes(status)) {
      throw new RangeError(
        `Cannot set the health of a service to "${status}": expected "serving", "not-serving" or "unknown"`,
      );
    }
    if (this.#stopped) return;
    this.#statuses.set(service, status);
    for (const watcher of this.#watchers) watcher.wake();
  }

  get(service: string): HealthStatus {
    const status = this.#statuses.get(service);
    return status !== undefined && this.#stopped
      ? "not-serving"
      : status ?? "unknown";
  }

  list(): Record<string, HealthStatus> {
    return Object.fromEntries(
      Array.from(this.#statuses.keys(), (name) => [name, this.get(name)]),
    );
  }

  watch(service: string): AsyncIterableIterator<HealthStatus> {
    const watcher = new Watcher(
      () => this.get(service),
      () => this.#watchers.delete(watcher),
    );
    this.#watchers.add(watcher);
    return watcher;
  }

  /** Makes all services not serving for good. */
  stop(): void {
    this.#stopped = true;
    for (const watcher of this.#watchers) watcher.wake();
  }
}

/** A reader of the changes of one status. */
class Watcher implements AsyncIterableIterator<HealthStatus> {
  readonly #current: () => HealthStatus;
  readonly #closed: () => void;
  #last: HealthStatus | undefined = undefined;
  #done = false;
  #waiting: PromiseWithResolvers<void> | undefined = undefined;

  constructor(current: () => HealthStatus, closed: () => void) {
    this.#current = current;
    this.#closed = closed;
  }

  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  async next(): Promise<IteratorResult<HealthStatus>> {
    while (!this.#done) {
      const value = this.#current();
      if (value !== this.#last) {
        this.#last = value;
        return { done: false, value };
      }
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<HealthStatus>> {
    this.#done = true;
    this.#closed();
    this.wake();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
