/**
 * Choosing one of several servers, and the signs that errors are.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CallError } from "@lengthwise/lengthwise";
import {
  type ServerOutcome,
  serverOutcome,
} from "../../../lib/messages/balance/call_outcome.ts";
import { inTurn, lessLoaded } from "../../../lib/messages/balance/picker.ts";
import {
  heaviest,
  rendezvous,
} from "../../../lib/messages/client/rendezvous.ts";
import type { BoundMethod } from "../../../lib/messages/protocol/protocol_types.ts";
import { mulberry32 } from "../session/simulation.ts";

const pure = { permissions: "none" } as const; // the literal type
const info = {} as BoundMethod; // these pickers do not read it

const servers = (...loads: number[]) =>
  loads.map((load, index) => ({ name: `${index}`, load }));

Deno.test(
  "lessLoaded() prefers the lower load of two different servers",
  pure,
  () => {
    const draw = mulberry32(3);
    const pick = lessLoaded(() => draw(1_000) / 1_000);
    const count = (loads: number[]) => {
      const counts = loads.map(() => 0);
      for (let call = 0; call < 600; call++) {
        counts[Number(pick(servers(...loads), info, 0, {}).name)]!++;
      }
      return counts;
    };
    assertEquals(count([5, 0]), [0, 600]);
    assertEquals(count([0, 5]), [600, 0]);
    assertEquals(count([7]), [600]);
    const [most, some = 0, none] = count([0, 1, 2]);
    assertEquals([most! > 340, some > 140, none], [true, true, 0]); // 2/3, 1/3, 0
  },
);

Deno.test("inTurn() begins with a random server", pure, () => {
  const names = (random: number, count: number) => {
    const pick = inTurn(() => random);
    return Array.from(
      { length: count },
      () => pick(servers(0, 0, 0), info, 0, {}).name,
    ).join("");
  };
  const first = new Set(
    [0.11, 0.23, 0.37, 0.61, 0.83].map((at) => names(at, 1)),
  );
  assertEquals(first.size > 1, true);
  assertEquals(new Set(names(0.5, 3)).size, 3);
});

Deno.test("heaviest() is the first name of rendezvous()", pure, () => {
  const members = Array.from({ length: 7 }, (_, at) => ({ name: `n${at}` }));
  const names = members.map(({ name }) => name);
  for (let key = 0; key < 50; key++) {
    const [first] = rendezvous(`${key}`, names, 1);
    assertEquals(heaviest(`${key}`, members).name, first);
    assertEquals(heaviest(`${key}`, members.toReversed()).name, first);
  }
});

Deno.test(
  "serverOutcome() counts failures of servers, and no refusals of calls",
  pure,
  () => {
    const outcomes = (code: CallError["code"]): ServerOutcome[] => {
      const error = new CallError("no", { code });
      return [serverOutcome(error, true), serverOutcome(error, false)];
    };
    for (const code of ["internal", "overloaded", "deadline"] as const) { // the literal types
      assertEquals(outcomes(code), ["failed", "failed"], code);
    }
    assertEquals(outcomes("unavailable"), ["failed", "none"]);
    for (const code of ["cancelled", "disconnected", "moving"] as const) { // as above
      assertEquals(outcomes(code), ["none", "none"], code);
    }
    for (const code of ["forbidden", "invalid", "unimplemented"] as const) { // as above
      assertEquals(outcomes(code), ["replied", "replied"], code);
    }
  },
);
