import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, DOWN, TALK, UP } from "../session_calls.ts";
import { Lone, request } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "IncomingCall derives from its shape which items it receives and sends",
  pure,
  () => {
    const lone = Lone.open("server", {}, { streamWindow: 5000 });
    [ASK, DOWN, UP, TALK].forEach((method, n) =>
      lone.receive(Kind.REQUEST, 2 * n + 1, request(method))
    );
    assertEquals(
      lone.calls.map((
        { call },
      ) => [call.state, call.receiveWindow !== undefined, call.maySendItems]),
      [
        ["ended", false, false],
        ["ended", false, true],
        ["open", true, false],
        ["open", true, true],
      ],
    );
    assertEquals(lone.calls[1]?.call.itemCredit?.available, 5000);
  },
);

Deno.test(
  "IncomingCall has its deadline on the session's clock, and its metadata",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.now = 70;
    const fields = [1, 0, 4, 0, 0, 0, 30, 2, 0, 5, 1, 97, 0, 1, 98];
    lone.receive(Kind.REQUEST, 1, request(ASK, [], fields));
    const { call } = lone.calls[0]!;
    assertEquals([call.deadlineAt, { ...call.fields.metadata }], [100, {
      a: "b",
    }]);
  },
);

Deno.test(
  "over is true once the call is cancelled or its handler has settled",
  pure,
  () => {
    const lone = Lone.open("server");
    for (const id of [1, 3]) lone.receive(Kind.REQUEST, id, request(DOWN));
    const [one, other] = lone.calls.map(({ call }) => call);
    assertEquals([one?.over, one?.maySendItems], [false, true]);
    lone.receive(Kind.CANCEL, 1, [0]);
    assertEquals([one?.over, one?.maySendItems], [true, false]);
    sendItem(
      lone.session.enter(0).shared,
      other!,
      new Uint8Array(900_000),
      lone.calls[1]!,
    );
    lone.session.enter(0).incoming.responses.respond(
      other!,
      undefined,
      NO_FIELDS,
    );
    assertEquals([other?.state, other?.over, other?.maySendItems], [
      "answered",
      true,
      false,
    ]);
  },
);
