/**
 * Sessions with all addresses of a client, and the choice among them.
 *
 * @module
 */
import type { Entry } from "../client/address_list.ts";
import type { BackoffOptions } from "../client/backoff.ts";
import type { BalancedClient } from "../client/balance_policy.ts";
import { STATUS } from "../client/client_status.ts";
import type { ClientEvent } from "../client/client_events.ts";
import type { ClientAddress } from "../client/connector.ts";
import type { ClientSessionImpl } from "../client/open_session.ts";
import type { ClientSlot, SessionChoice } from "../client/session_choice.ts";
import { SessionSlot } from "../client/session_slot.ts";
import type { CallError } from "../errors/call_error.ts";
import type { AddressFigures, BalanceFigures } from "../observe/stats.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { AnyProtocol, BoundMethod } from "../protocol/protocol_types.ts";
import { AddressHost } from "./address_host.ts";
import { serverOutcome } from "./call_outcome.ts";
import type { AddressHealth, Ejection } from "./ejection.ts";
import type { Candidate, Picker } from "./picker.ts";

/** An address, and what has happened there. */
class Member<P extends AnyProtocol> implements Candidate {
  readonly name: string;
  readonly slot: ClientSlot<P>;
  readonly health: AddressHealth;
  /** Number of calls that it has received; each attempt counts. */
  calls = 0;
  /** Number of them that failed. */
  failures = 0;
  /** Number of attempts to connect. */
  attempts = 0;
  /** Number of them that failed. */
  failedAttempts = 0;

  constructor(name: string, slot: ClientSlot<P>, health: AddressHealth) {
    this.name = name;
    this.slot = slot;
    this.health = health;
  }

  get load(): number {
    return this.slot.session?.load ?? 0;
  }
}

/**
 * The slots for the addresses, in step with their list.
 *
 * The first slot is another one. If the server may call the client, its session
 * receives broadcasts and topics, as the only one: it uses all addresses in turn,
 * as that of a client without a policy does. Otherwise it has no address.
 */
export class AddressSessions<P extends AnyProtocol>
  implements SessionChoice<P> {
  readonly slots: ClientSlot<P>[];
  readonly #first: ClientSlot<P>;
  readonly #host: BalancedClient<P>;
  readonly #reconnect: BackoffOptions;
  readonly #policy: string;
  readonly #ejection: Ejection;
  readonly #pick: Picker;
  readonly #members: Map<string, Member<P>> = new Map();
  /** Reused by each choice. */
  readonly #open: Member<P>[] = [];
  #ejections = 0;

  /**
   * @param host the client
   * @param isCalled whether the server may call the client
   */
  constructor(
    host: BalancedClient<P>,
    { policy, reconnect, ejection, pick, isCalled }: {
      readonly policy: string;
      readonly reconnect: BackoffOptions;
      readonly ejection: Ejection;
      readonly pick: Picker;
      readonly isCalled: boolean;
    },
  ) {
    this.#host = host;
    this.#reconnect = reconnect;
    this.#policy = policy;
    this.#ejection = ejection;
    this.#pick = pick;
    const first = isCalled ? host : new AddressHost(host, reconnect);
    this.#first = new SessionSlot(first, false);
    this.slots = [this.#first];
    for (const entry of host.addresses.entries) this.#add(entry);
  }

  // ── choice ─────────────────────────────────────────────────────────────

  /** @inheritdoc */
  take(
    info?: BoundMethod,
    input?: unknown,
    options: CallOptions = NO_OPTIONS,
  ): ClientSessionImpl<P> | undefined {
    const open = this.#openMembers();
    if (open.length === 0) {
      const { session } = this.#first;
      return session?.takesCalls ? session : undefined;
    }
    if (info === undefined) return open[0]!.slot.session; // there is one
    const serving = this.#ejection.serving(open, performance.now());
    const member = this.#pick(serving, info, input, options);
    member.calls++;
    return member.slot.session;
  }

  /** Returns the members whose sessions take calls; cut ones only without others. */
  #openMembers(): readonly Member<P>[] {
    const open = this.#open;
    open.length = 0;
    let isCut = false;
    for (const member of this.#members.values()) {
      const { session } = member.slot;
      if (!session?.takesCalls) continue;
      const cut = session.session.state === "cut";
      if (open.length > 0 && cut !== isCut) {
        if (cut) continue;
        open.length = 0;
      }
      isCut = cut;
      open.push(member);
    }
    return open;
  }

  // ── slots ──────────────────────────────────────────────────────────────

  /** @inheritdoc */
  onChanged(change?: Omit<ClientEvent, "status">): void {
    if (change === undefined) this.#followList();
    else this.#onSlotChanged(change);
    for (const slot of [...this.slots]) {
      if (!this.#isUsed(slot)) this.#retire(slot);
    }
  }

  #followList(): void {
    const { addresses } = this.#host;
    for (const [name, { health }] of this.#members) {
      if (addresses.find(name) !== undefined) continue;
      this.#members.delete(name);
      this.#ejection.remove(health);
    }
    for (const entry of addresses.entries) {
      if (!this.#members.has(entry.name)) this.#add(entry).run();
    }
  }

  #add(entry: Entry<ClientAddress>): ClientSlot<P> {
    const host = new AddressHost(this.#host, this.#reconnect, entry);
    const slot = new SessionSlot<P, ClientAddress>(host, true);
    slot.setRef(this.#first.ref);
    const { name } = entry;
    const member = new Member(name, slot, this.#ejection.add());
    this.#members.set(name, member);
    this.slots.push(slot);
    return slot;
  }

  #isUsed(slot: ClientSlot<P>): boolean {
    if (slot === this.#first) return true;
    for (const member of this.#members.values()) {
      if (member.slot === slot) return true;
    }
    return false;
  }

  /**
   * Ends a slot whose address has left the list: its session drains, and no other
   * one follows. A session without a connection is resumed first.
   */
  #retire(slot: ClientSlot<P>): void {
    const { session, state } = slot;
    if (state === "closed" || state === "resuming") return;
    if (session !== undefined) return void session.drain();
    slot.close(new Error("The address has left the list"));
    const closed = slot.sessions.map((session) => session.closed);
    Promise.all([slot.run(), ...closed]).then(() =>
      this.slots.splice(this.slots.indexOf(slot), 1)
    );
  }

  #onSlotChanged({ kind, address }: Omit<ClientEvent, "status">): void {
    const member = this.#members.get(address);
    if (member === undefined) return;
    if (kind === "connecting") member.attempts++;
    if (kind === "backing-off" || kind === "refused") member.failedAttempts++;
    if (kind === "connected") this.#watch(member);
  }

  // ── outcomes ───────────────────────────────────────────────────────────

  /** Counts the outcomes of the calls of a member's session. */
  #watch(member: Member<P>): void {
    const { session } = member.slot;
    // The first slot may be the one that has connected.
    if (session === undefined || session.onCallFailed !== undefined) return;
    const { callsMade } = session.session.stats;
    let seen = callsMade.ok;
    session.onCallFailed = (error) => {
      const { ok } = callsMade;
      const succeeded = ok - seen;
      seen = ok;
      this.#onFailed(member, error, { succeeded, session });
    };
  }

  #onFailed(
    member: Member<P>,
    error: CallError,
    { succeeded, session }: {
      /** Number of calls that succeeded since the last one that failed. */
      readonly succeeded: number;
      readonly session: ClientSessionImpl<P>;
    },
  ): void {
    const { name, health } = member;
    const now = performance.now();
    const outcome = serverOutcome(error, session.takesCalls);
    const replied = outcome === "replied" ? 1 : 0;
    this.#ejection.succeeded(health, succeeded + replied, now);
    if (outcome !== "failed") return;
    member.failures++;
    const delay = this.#ejection.failed(health, now);
    if (delay === 0) return;
    this.#ejections++;
    const change = { address: name, attempt: 0, cause: error, delay };
    this.#host.changed({ kind: "ejected", ...change });
  }

  // ── figures ────────────────────────────────────────────────────────────

  /** @inheritdoc */
  get figures(): { readonly balance: BalanceFigures } {
    const now = performance.now();
    const addresses: Record<string, AddressFigures> = {};
    for (const [name, member] of this.#members) {
      const { slot, health, load, calls, failures } = member;
      const { attempts, failedAttempts } = member;
      addresses[name] = {
        status: STATUS[slot.state],
        ejected: this.#ejection.isEjected(health, now),
        ejections: health.ejections,
        ...{ attempts, failedAttempts, calls, failures, load },
      };
    }
    const open = this.#openMembers();
    const serving = this.#ejection.serving(open, now);
    return {
      balance: {
        policy: this.#policy,
        ejections: this.#ejections,
        panic: serving === open &&
          open.some(({ health }) => this.#ejection.isEjected(health, now)),
        addresses,
      },
    };
  }
}

const NO_OPTIONS: CallOptions = Object.freeze({});
