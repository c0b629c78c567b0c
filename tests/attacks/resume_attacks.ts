/**
 * Attacks on a server that resumes sessions.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { decodeHello } from "../../lib/messages/session/wire/hello.ts";
import type { Attack } from "./attack.ts";
import { LIMITS, MiB, sessionBudget, UNSENT } from "./budgets.ts";
import {
  bin,
  EMPTY,
  entry,
  frame,
  hello,
  K,
  request,
  u32,
  u64,
} from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { inFlight } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const RESUME = 0x01;
const GRACE = 500;

const attack = {
  victim: "server",
  state: "open",
  hello: { methods: SERVER_METHODS, features: RESUME },
  setup: { resume: { grace: GRACE, perPrincipal: 1_000 } },
} as const;

/** Frames that an end keeps for a new link (PROTOCOL.md, section 18). */
const KEPT = LIMITS.connectionWindow + LIMITS.notifyWindow +
  LIMITS.itemsWindow + LIMITS.unsentHard + MiB / 4;

/** The token of the last session that was opened or resumed. */
let token: Uint8Array | undefined;
let generation = 0;

/** Returns a HELLO that asks for the last session. */
function asking(): Uint8Array {
  const point = [u32(++generation), u64(0), u64(1)];
  const members = { methods: SERVER_METHODS, features: RESUME };
  return hello(
    token === undefined
      ? members
      : { ...members, entries: entry(0x0b, concat([...point, token])) },
  );
}

/** The attacks, in the order of the table. */
export const resumeAttacks: readonly Attack[] = [
  {
    ...attack,
    name: "sessions that are left to wait for connections",
    resource: "sessions without a connection",
    kind: "none",
    sees: ["HELLO"],
    connections: 20,
    total: 300,
    budget: sessionBudget(300),
    async *script(peer) {
      yield EMPTY;
      await pause(5);
      peer.close();
    },
  },
  {
    ...attack,
    name: "one session, resumed again and again",
    resource: "resumptions",
    state: "authenticating",
    kind: "HELLO",
    sees: ["HELLO"],
    hello: null,
    total: 300,
    budget: sessionBudget(300),
    async *script(peer) {
      yield asking();
      await peer.until(() => peer.helloBody.length > 0);
      if (peer.helloBody.length > 0) {
        token = decodeHello(peer.helloBody, 1_000, RESUME).token?.secret;
      }
      peer.close();
    },
  },
  {
    ...attack,
    name: "replies that are read and not acknowledged",
    resource: "frames kept for another connection",
    kind: "REQUEST",
    sees: ["RESULT"],
    budget: UNSENT + KEPT + 4 * MiB,
    async *script(peer) {
      let sent = 0;
      for await (
        const bytes of inFlight(
          peer,
          32,
          (id) => request(id, M.echo, bin(60_000)),
        )
      ) {
        if (++sent > 1_000) return;
        yield bytes;
      }
    },
  },
  {
    ...attack,
    name: "positions that were not sent",
    resource: "positions",
    kind: "ACK",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(K.ACK, 0, u64(1));
    },
  },
];
