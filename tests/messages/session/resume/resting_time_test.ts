/**
 * The time limits of what waits for the peer rest while a session has no link;
 * deadlines do not.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { body, call, hold } from "../session_calls.ts";
import { ResumableSimulation } from "./resumable_simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Milliseconds without a link. */
const CUT = 20_000;

const LIMITS = {
  assemblyTimeout: 1_000,
  queueTimeout: 1_000,
  maxFrameBody: 16 * 1024,
};

/** Loses the link for some time. */
function loseLink(simulation: ResumableSimulation): void {
  simulation.reachable = false;
  simulation.cutLink();
  simulation.advance(CUT);
  simulation.reachable = true;
  simulation.ends[0].onCutHook();
  simulation.settle();
}

Deno.test(
  "messages that were cut in half arrive after a long cut",
  pure,
  () => {
    for (const name of ["client", "server"] as const) {
      const simulation = new ResumableSimulation({}, { limits: LIMITS });
      simulation.open();
      const side = simulation[name];
      const held = hold(simulation.other(side));
      simulation.framesPerLink = 2; // of 7
      simulation.cutsLeft = 1;
      const outgoing = call(simulation, side, { value: body(100_000) });
      const cutLink = simulation.ends[0].onCutHook;
      simulation.ends[0].onCutHook = () => {};
      simulation.settle();
      assertEquals([simulation.client.session.state, held.length], ["cut", 0]);
      simulation.ends[0].onCutHook = cutLink;
      loseLink(simulation);
      assertEquals([held.length, outgoing.settled], [1, 0]);
      assertEquals(simulation.resumptions, 1);
    }
  },
);

Deno.test("calls that wait for a place are sent after a long cut", pure, () => {
  const serverLimits = { maxCalls: 32 };
  const simulation = new ResumableSimulation({}, {
    ...{ limits: LIMITS, serverLimits },
  });
  simulation.open();
  const { client, server } = simulation;
  const held = hold(server);
  for (let n = 0; n < 32; n++) call(simulation, client);
  const queued = call(simulation, client);
  const last = call(simulation, client);
  const late = call(simulation, client, { timeout: 9_000 });
  simulation.settle();
  simulation.advance(500);
  loseLink(simulation);
  assertEquals(late.error.code, "deadline"); // deadlines do not rest
  assertEquals([held.length, queued.settled], [32, 0]);
  server.session.enter(simulation.now).incoming.responses
    .respond(held[0]!.call, body(1), NO_FIELDS); // asserted above
  simulation.settle();
  assertEquals(held.length, 33); // the queued call has its place
  loseLink(simulation);
  assertEquals(last.settled, 0);
  simulation.advance(600);
  assertEquals(last.error.code, "overloaded"); // after 1,000 ms with links
  assertEquals(queued.settled, 0);
});

Deno.test("requests that wait for handlers run after a long cut", pure, () => {
  const simulation = new ResumableSimulation({}, {
    ...{ limits: LIMITS, serverLimits: { maxInputs: 64 * 1024 } },
  });
  simulation.open();
  const { client, server } = simulation;
  const held = hold(server);
  server.session.enter(simulation.now).incoming.holdInput(64 * 1024);
  const waits = call(simulation, client, { value: body(1) });
  simulation.settle();
  assertEquals(server.session.incoming.gate.waiting, 1);
  simulation.advance(500);
  loseLink(simulation);
  assertEquals([waits.settled, held.length], [0, 0]);
  simulation.advance(600);
  assertEquals([waits.error.code, held.length], ["overloaded", 0]);
});
