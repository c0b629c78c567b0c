import { assertEquals } from "@std/assert";
import {
  RECEPTION,
  SESSION,
} from "../../../../lib/messages/session/control/session_state.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "SESSION has transitions to open for both sides, and to closed from every state",
  pure,
  () => {
    assertEquals(SESSION[SESSION.new.start!].hello, "open");
    assertEquals(SESSION[SESSION.waiting.hello!].accept, "open");
    for (const [state, events] of Object.entries(SESSION)) {
      assertEquals(events.end, state === "closed" ? undefined : "closed");
    }
  },
);

Deno.test(
  "RECEPTION handles call frames only in a session that is open or cannot send",
  pure,
  () => {
    const handling = Object.entries(RECEPTION).filter(([, what]) =>
      what === "handle"
    );
    assertEquals(handling.map(([state]) => state), ["open", "output-failed"]);
  },
);
