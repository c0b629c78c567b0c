/**
 * The checks of `checkBus()`, by name.
 *
 * @module
 */
import type { Bus, BusStatus } from "../messages/bus/bus.ts";

/** A bus under test. */
export interface BusCheckContext {
  /** A member. */
  readonly near: Bus;
  /** Another member. */
  readonly far: Bus;
  /** Disconnects the first member; `undefined` if the bus cannot be. */
  readonly disconnect: ((bus: Bus) => void | Promise<void>) | undefined;
  /** Connects it again. */
  readonly reconnect: ((bus: Bus) => void | Promise<void>) | undefined;
  /** Part of the subjects of this check. */
  readonly subject: string;
  /** Fails if a promise takes too long. */
  within<T>(wait: PromiseLike<T>, what: string): Promise<T>;
}

/** A check; throws if the bus violates it. */
export type BusCheck = (context: BusCheckContext) => Promise<void> | void;

/** Messages that a subscription has received. */
class Heard {
  readonly messages: Uint8Array[] = [];
  readonly #context: BusCheckContext;
  #waiting: (() => void) | undefined = undefined;
  readonly subscription: Disposable & { readonly ready: Promise<void> };

  constructor(context: BusCheckContext, bus: Bus, subject: string) {
    this.#context = context;
    this.subscription = bus.subscribe(subject, (message) => {
      this.messages.push(new Uint8Array(message));
      this.#waiting?.();
    });
  }

  /** Waits for a number of messages. */
  async count(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = () => {
      if (this.messages.length >= count) resolve();
    };
    this.#waiting();
    await this.#context.within(
      promise,
      `message ${count} (${this.messages.length} arrived)`,
    );
  }

  /** The first bytes of the messages. */
  get firsts(): number[] {
    return this.messages.map(([first = -1]) => first);
  }
}

/** Subscribes and waits until the subscription is ready. */
async function heard(
  context: BusCheckContext,
  bus: Bus,
  subject: string = context.subject,
): Promise<Heard> {
  const list = new Heard(context, bus, subject);
  await context.within(list.subscription.ready, "a subscription");
  return list;
}

function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function publish(bus: Bus, subject: string, message: Uint8Array): void {
  const taken = bus.publish(subject, message);
  check(taken === true, `publish() returned ${taken}; expected true`);
}

/** Waits until a member has a status. */
async function becomes(
  { within }: BusCheckContext,
  bus: Bus,
  status: BusStatus,
): Promise<void> {
  if (bus.status === status) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const listening = bus.onStatus((next) => {
    if (next === status) resolve();
  });
  await within(promise, `the status "${status}"`);
  listening[Symbol.dispose]();
  check(bus.status === status, `status is "${bus.status}" in its listener`);
}

/** Number of times that a check looks for a stored message. */
const MOST_LOOKS = 50;

/** All checks. */
export const BUS_CHECKS: Readonly<Record<string, BusCheck>> = {
  "a member says that it is up, and what it carries"({ near }) {
    const { maxMessage, status } = near;
    check(status === "up", `status is "${status}"; expected "up"`);
    check(
      Number.isInteger(maxMessage) && maxMessage >= 1,
      `maxMessage is ${maxMessage}; expected an integer of at least 1`,
    );
  },

  async "a message reaches the other member unchanged"(context) {
    const { near, far, subject } = context;
    const list = await heard(context, far);
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    publish(near, subject, bytes);
    publish(near, subject, new Uint8Array());
    publish(near, subject, bytes.subarray(100, 103)); // a view
    await list.count(3);
    const found = list.messages.map((message) => message.join());
    const expected = [bytes.join(), "", "100,101,102"];
    check(
      found.every((text, n) => text === expected[n]),
      `received ${found.map((text) => `[${text}]`).join(" ")}`,
    );
  },

  async "a message that follows ready arrives"(context) {
    const { near, far, subject } = context;
    for (let n = 0; n < 20; n++) {
      const list = await heard(context, far, `${subject}.${n}`);
      publish(near, `${subject}.${n}`, Uint8Array.of(n));
      await list.count(1);
      list.subscription[Symbol.dispose]();
    }
  },

  async "a history has the messages of each subject, in their order"(context) {
    const { near, far, subject, within } = context;
    const { history } = far;
    if (history === undefined) return;
    const [one, two] = [`${subject}.one`, `${subject}.two`];
    const find = async (index?: number) => {
      const found = index === undefined
        ? history.newest(one)
        : history.next(one, index);
      const stored = await within(found, "a stored message");
      return stored && { index: stored.index, first: stored.message[0] };
    };
    check(
      await find() === undefined,
      "newest() found a message before the first",
    );
    check(
      await find(1) === undefined,
      "next() found a message before the first",
    );
    const list = await heard(context, far, one);
    for (
      const [to, first] of [[one, 1], [two, 9], [one, 2], [one, 3]] as const
    ) { // pairs
      publish(near, to, Uint8Array.of(first));
    }
    await list.count(3);
    let newest = await find();
    for (let n = 0; n < MOST_LOOKS && newest?.first !== 3; n++) {
      await new Promise((resolve) => setTimeout(resolve, 50)); // stored later
      newest = await find();
    }
    check(newest?.first === 3, `newest() found ${newest?.first}; expected 3`);
    const firsts: unknown[] = [];
    let index = 1;
    for (let found = await find(index); found; found = await find(index)) {
      check(
        found.index >= index && found.index <= newest.index,
        `next() found index ${found.index} from ${index}`,
      );
      firsts.push(found.first);
      index = found.index + 1;
    }
    check(firsts.join() === "1,2,3", `next() found ${firsts}`);
  },

  async "messages arrive once, in the order of their publisher"(context) {
    const { near, far, subject } = context;
    const list = await heard(context, far);
    const other = await heard(context, far, `${subject}.end`);
    for (let n = 0; n < 1_000; n++) {
      publish(near, subject, Uint8Array.of(n >> 8, n));
    }
    publish(near, `${subject}.end`, Uint8Array.of(1));
    await list.count(1_000);
    await other.count(1);
    const numbers = list.messages.map(([high = 0, low = 0]) =>
      high * 256 + low
    );
    const wrong = numbers.findIndex((number, n) => number !== n);
    check(
      wrong === -1 && numbers.length === 1_000,
      `message ${wrong} of ${numbers.length} is number ${numbers[wrong]}`,
    );
  },

  async "two subscriptions of one member are independent"(context) {
    const { near, far, subject } = context;
    const one = await heard(context, far);
    const two = await heard(context, far);
    publish(near, subject, Uint8Array.of(1));
    await Promise.all([one.count(1), two.count(1)]);
    one.subscription[Symbol.dispose]();
    one.subscription[Symbol.dispose]();
    publish(near, subject, Uint8Array.of(2));
    await two.count(2);
    check(one.messages.length === 1, "a message followed the disposal");
    check(two.messages.length === 2, "a message arrived twice");
  },

  async "a subject is not a prefix or a pattern"(context) {
    const { near, far, subject } = context;
    const names = ["a", "a.b", "ab", "A", "~Kg", "=x", "!x", "a-b_c"];
    const lists = await Promise.all(
      names.map((name) => heard(context, far, `${subject}.${name}`)),
    );
    const end = await heard(context, far, `${subject}.end`);
    names.forEach((name, n) =>
      publish(near, `${subject}.${name}`, Uint8Array.of(n))
    );
    publish(near, `${subject}.end`, Uint8Array.of(1));
    await end.count(1);
    await Promise.all(lists.map((list) => list.count(1)));
    lists.forEach(({ firsts }, n) =>
      check(
        firsts.length === 1 && firsts[0] === n,
        `"${names[n]}" received the messages ${firsts}; expected ${n}`,
      )
    );
  },

  async "a message of maxMessage bytes arrives, and a larger one is not taken"(
    context,
  ) {
    const { near, far, subject } = context;
    const list = await heard(context, far);
    const { maxMessage } = near;
    const most = Math.min(maxMessage, 16 * 2 ** 20); // do not fill the memory
    publish(near, subject, new Uint8Array(most).fill(7));
    await list.count(1);
    const [message] = list.messages;
    check(
      message?.length === most && message.every((byte) => byte === 7),
      `received ${message?.length} bytes of ${most}`,
    );
    if (most < maxMessage) return;
    const taken = near.publish(subject, new Uint8Array(maxMessage + 1));
    check(taken === false, `publish() of a larger message returned ${taken}`);
    publish(near, subject, Uint8Array.of(8));
    await list.count(2);
    check(list.firsts[1] === 8, "the larger message arrived");
  },

  "a listener of the status can be removed"({ near }) {
    const changes: BusStatus[] = [];
    const listening = near.onStatus((status) => void changes.push(status));
    listening[Symbol.dispose]();
    listening[Symbol.dispose]();
    check(changes.length === 0, `a listener was called with ${changes}`);
  },

  async "while a member is down, it takes nothing, and keeps nothing for later"(
    context,
  ) {
    const { near, far, subject, disconnect, reconnect } = context;
    if (disconnect === undefined || reconnect === undefined) return;
    const list = await heard(context, far);
    const own = await heard(context, near);
    publish(near, subject, Uint8Array.of(1));
    await list.count(1);
    await disconnect(near);
    await becomes(context, near, "down");
    const taken = near.publish(subject, Uint8Array.of(2));
    check(taken === false, `publish() returned ${taken} while down`);
    const later = new Heard(context, near, `${subject}.later`);
    await reconnect(near);
    await becomes(context, near, "up");
    await context.within(later.subscription.ready, "a subscription");
    const again = await heard(context, near); // both have been made again by now
    publish(near, subject, Uint8Array.of(3));
    publish(far, subject, Uint8Array.of(4));
    publish(far, `${subject}.later`, Uint8Array.of(5));
    await later.count(1);
    // The messages of the two members have no common order.
    for (const each of [list, own, again]) {
      const expected = each === list ? 3 : 4;
      while (!each.firsts.includes(expected)) {
        await each.count(each.messages.length + 1);
      }
    }
    check(
      !list.firsts.includes(2),
      "a message that was published while down arrived later",
    );
  },
};
