import { assertEquals } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import {
  callError,
  errorForNew,
  errorForUnsettled,
  overloaded,
} from "../../../../lib/messages/session/calls/call_failures.ts";
import { body, call } from "../session_calls.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "every local error has the method and whether the call was processed",
  pure,
  () => {
    const simulation = new Simulation().open();
    const asked = call(simulation, simulation.client, { value: body(1) }).call;
    const gone = new CallError("gone", { code: "disconnected", cause: 7 });
    const errors = [
      callError(asked, "why", { code: "malformed" }),
      errorForUnsettled(asked, gone, "maybe"),
      errorForUnsettled(asked, gone, "no"),
      errorForNew(
        new CallError("draining", { code: "unavailable", retry: "now" }),
        "ask",
      ),
      overloaded("ask", "why"),
    ];
    assertEquals(
      errors.map((
        { code, method, processed, retry },
      ) => [code, method, processed, retry]),
      [
        ["malformed", "ask", "maybe", "never"],
        ["disconnected", "ask", "maybe", "never"],
        ["disconnected", "ask", "no", "now"],
        ["unavailable", "ask", "no", "now"],
        ["overloaded", "ask", "no", "later"],
      ],
    );
    assertEquals([errors[0]?.message, errors[1]?.cause], ["ask: why", 7]);
  },
);
