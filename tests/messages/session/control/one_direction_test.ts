/**
 * Sessions that have lost one direction of their connection.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { Account } from "../../../../lib/messages/session/flow/credit.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { Lone, message, request, total } from "../lone_session.ts";
import { ASK, body, DOWN, NOTE, UP } from "../session_calls.ts";

const pure = { permissions: "none" } as const;

function respond(lone: Lone, index: number): void {
  lone.session.enter(lone.now).incoming.responses.respond(
    lone.calls[index]!.call,
    body(1),
    NO_FIELDS,
  );
}

Deno.test(
  "a peer that ends its stream after its requests gets the replies",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.receive(Kind.REQUEST, 3, request(ASK));
    lone.session.enter(0).inputEnded(undefined);
    assertEquals([lone.session.state, lone.ends], ["input-ended", []]);
    lone.sink.open = false;
    for (const index of [0, 1]) respond(lone, index);
    assertEquals(lone.sentKinds(), ["RESULT 1", "RESULT 3"]);
    assertEquals(lone.ends, []); // until the transport has taken them
    lone.write();
    assertEquals(lone.error.code, "disconnected");
  },
);

Deno.test(
  "a session without calls of the peer ends with the peer's stream",
  pure,
  () => {
    const lone = Lone.open("client");
    const asked = lone.call();
    lone.session.enter(0).inputEnded(undefined);
    assertEquals([lone.error.code, asked.error.code], [
      "disconnected",
      "disconnected",
    ]);
  },
);

Deno.test(
  "the end of the peer's stream fails what needs more input, and handlers that are late",
  pure,
  () => {
    const lone = Lone.open("server", { closeTimeout: 500 });
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.receive(Kind.REQUEST, 3, request(UP)); // its items are incomplete
    lone.receive(Kind.REQUEST, 5, request(ASK), 1); // MORE
    const asked = lone.call(); // its reply cannot arrive
    lone.session.enter(0).inputEnded(undefined);
    assertEquals(asked.error.code, "disconnected");
    const cancels = () => lone.calls.map(({ cancels }) => cancels);
    assertEquals(cancels(), [[], ["disconnected"]]);
    lone.advance(499);
    assertEquals(lone.ends, []);
    lone.advance(1);
    assertEquals([cancels(), lone.error.code], [
      [["disconnected"], ["disconnected"]],
      "disconnected",
    ]);
  },
);

Deno.test("a stream that cannot be read ends the session at once", pure, () => {
  const lone = Lone.open("server");
  lone.receive(Kind.REQUEST, 1, request(ASK));
  lone.session.enter(0).inputEnded(new Error("reset"));
  assertEquals([lone.error.code, lone.calls[0]?.cancels], ["disconnected", [
    "disconnected",
  ]]);
});

Deno.test(
  "replies that have arrived are handled after a write has failed",
  pure,
  () => {
    const lone = Lone.open("client");
    const [answered, refused, pending] = [1, 2, 3].map(() => lone.call());
    const down = lone.call({ method: DOWN });
    lone.sink.open = false;
    const unsent = lone.call();
    lone.receive(Kind.REQUEST, 2, request(ASK));
    lone.session.enter(0).outputFailed(new Error("broken pipe"));
    assertEquals([lone.session.state, unsent.error.processed], [
      "output-failed",
      "no",
    ]);
    assertEquals(lone.calls[0]?.cancels, ["disconnected"]); // it has no reply
    assertEquals(answered?.errors, []);
    lone.receive(Kind.RESULT, 1, message([5]));
    lone.receive(Kind.ERROR, 3, [1, 0, 0, 0, 0, 0]);
    lone.receive(Kind.ITEM, 7, message([6]));
    lone.receive(Kind.RESULT, 7, message());
    lone.receive(Kind.NOTIFY, 0, request(NOTE, [7]));
    lone.receive(Kind.REQUEST, 4, request(ASK)); // is not handled
    lone.receive(Kind.WINDOW, Account.REQUESTS, total(2 ** 30));
    assertEquals([answered?.results.length, refused?.error.code], [
      1,
      "cancelled",
    ]);
    assertEquals([down.results.length, lone.notes, lone.calls.length], [
      1,
      [body(1, 7)],
      1,
    ]);
    lone.session.enter(0).inputEnded(undefined);
    assertEquals([pending?.error.code, pending?.error.processed], [
      "disconnected",
      "maybe",
    ]);
    assertEquals(lone.error.message, "The connection was lost: broken pipe");
  },
);

Deno.test(
  "calls that wait for a place fail at once when a write has failed",
  pure,
  () => {
    const lone = Lone.open("client", {}, { maxCalls: 32 });
    const sent = Array.from({ length: 32 }, () => lone.call());
    const queued = [lone.call(), lone.call()];
    lone.session.enter(0).outputFailed(new Error("broken pipe"));
    assertEquals(
      queued.map(({ error }) => [error.code, error.processed]),
      [["disconnected", "no"], ["disconnected", "no"]],
    );
    assertEquals(sent.flatMap(({ errors }) => errors), []);
    lone.receive(Kind.RESULT, 1, message([5])); // leaves a place to no call
    assertEquals([sent[0]?.results.length, lone.ends], [1, []]);
  },
);

Deno.test(
  "a session whose output has failed ends after closeTimeout, or with close()",
  pure,
  () => {
    for (const closes of [false, true]) {
      const lone = Lone.open("client", { closeTimeout: 500 });
      const asked = lone.call();
      lone.session.enter(0).outputFailed(new Error("broken pipe"));
      lone.advance(499);
      assertEquals([asked.errors, lone.ends], [[], []]);
      if (closes) lone.session.enter(lone.now).close();
      else lone.advance(1);
      assertEquals([asked.error.processed, lone.error.code], [
        "maybe",
        "disconnected",
      ]);
    }
  },
);

Deno.test("a drain changes nothing after a write has failed", pure, () => {
  const lone = Lone.open("client", { closeTimeout: 500 });
  const asked = lone.call();
  lone.session.enter(0).outputFailed(new Error("broken pipe"));
  lone.session.enter(0).drain({ grace: 100 });
  lone.advance(499);
  assertEquals([asked.errors, lone.ends, lone.drained], [[], [], 0]);
  lone.receive(Kind.RESULT, 1, message([5]));
  assertEquals(asked.results.length, 1);
});
