/**
 * A bus with a history, for tests.
 *
 * @module
 */
import type { BusHistory } from "../../../lib/messages/bus/bus.ts";
import { type MemoryBus, memoryBus } from "../../../lib/messages/bus/mod.ts";

/** A bus whose messages are stored, between those of other subjects. */
export class StoredBus {
  readonly bus = memoryBus();
  readonly stored: { subject: string; message: Uint8Array }[] = [];
  /** Number of messages that were read. */
  reads = 0;
  fails = false;

  /** Returns a member, which stores what it publishes. */
  join(): MemoryBus & { readonly history: BusHistory } {
    const bus = this.bus.join();
    const find = (from: number, to: number, step: number, subject: string) => {
      this.reads++;
      if (this.fails) return Promise.reject(new Error("the store is down"));
      for (let at = from; at !== to; at += step) {
        const found = this.stored[at];
        if (found?.subject !== subject) continue;
        const { message } = found;
        return Promise.resolve({ index: at + 1, message });
      }
      return Promise.resolve(undefined);
    };
    const { stored } = this;
    const history: BusHistory = {
      newest: (subject) => find(stored.length - 1, -1, -1, subject),
      next: (subject, index) =>
        find(index - 1, Math.max(stored.length, index - 1), 1, subject),
    };
    const publish = bus.publish.bind(bus);
    return Object.assign(bus, {
      history,
      publish(subject: string, message: Uint8Array) {
        const taken = publish(subject, message);
        if (taken) stored.push({ subject, message: message.slice() });
        return taken;
      },
    });
  }
}
