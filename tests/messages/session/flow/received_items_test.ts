import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { UP } from "../session_calls.ts";
import { Lone, message, request } from "../lone_session.ts";
import { accountsOf } from "../accounts.ts";
import {
  discardItems,
  endItems,
  takeItem,
} from "../../../../lib/messages/session/flow/received_items.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "an item without a value returns its charge, however many arrive",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.sent();
    const before = accountsOf(lone.session);
    for (let count = 0; count < 100_000; count++) { // more than both windows
      lone.receive(Kind.ITEM, 1, message(), Flag.NO_VALUE);
    }
    assertEquals(lone.ends, []);
    const { itemsGranted, itemsOwed } = accountsOf(lone.session);
    assertEquals(itemsGranted + itemsOwed, before.itemsGranted);
    const granted = lone.sentKinds();
    assertEquals([granted.includes("CREDIT 1"), granted.includes("WINDOW 2")], [
      true,
      true,
    ]);
  },
);

Deno.test(
  "a malformed item in several frames releases what its parts had claimed",
  pure,
  () => {
    const lone = Lone.open("server", {
      streamWindow: 2 ** 20,
      maxStreamWindow: 2 ** 20,
    });
    lone.receive(Kind.REQUEST, 1, request(UP));
    takeItem(lone.session.enter(0).shared, lone.calls[0]!.call); // the application waits
    lone.sent();
    const before = accountsOf(lone.session);
    const item = message(new Uint8Array(20_000));
    item[0] = 0xff; // the length of its fields, which exceeds the item
    item[1] = 0xff;
    lone.receive(Kind.ITEM, 1, item.subarray(0, 15_000), Flag.MORE);
    assertEquals(accountsOf(lone.session).itemBudget > 0, true);
    lone.receive(Kind.ITEM, 1, item.subarray(15_000));
    const { itemBudget, itemsGranted, itemsOwed, timers } = accountsOf(
      lone.session,
    );
    assertEquals(lone.sentKinds().includes("ERROR 1"), true);
    assertEquals([itemBudget, timers, lone.ends], [0, 0, []]);
    assertEquals(
      itemsGranted + itemsOwed,
      before.itemsGranted + before.itemsOwed,
    );
  },
);

Deno.test(
  "a stream holds its items until they are taken or discarded",
  pure,
  () => {
    const body = message(new Uint8Array(1000));
    const part = body.subarray(0, 500);
    const ends: Record<string, (lone: Lone) => void> = {
      taken(lone) {
        const { shared } = lone.session.enter(0);
        const { call } = lone.calls[0]!;
        while (takeItem(shared, call) !== undefined);
        lone.receive(Kind.ITEM, 1, part, Flag.MORE);
        lone.receive(Kind.ITEM, 1, body.subarray(500)); // taken at once
      },
      discarded(lone) {
        const { shared } = lone.session.enter(0);
        discardItems(shared, lone.calls[0]!.call);
        lone.receive(Kind.ITEM, 1, body); // dropped
      },
      "discarded in the middle of an item"(lone) {
        lone.receive(Kind.ITEM, 1, part, Flag.MORE);
        discardItems(lone.session.enter(0).shared, lone.calls[0]!.call);
      },
      "discarded after the end"(lone) {
        const { shared } = lone.session.enter(0);
        endItems(shared, lone.calls[0]!.call);
        discardItems(shared, lone.calls[0]!.call);
      },
      cancelled(lone) {
        lone.receive(Kind.CANCEL, 1, [0]);
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      const lone = Lone.open("server");
      lone.receive(Kind.REQUEST, 1, request(UP));
      const { items } = lone.session.shared;
      const queued = () => [items.holders.size, items.queued];
      assertEquals(queued(), [0, 0]);
      for (let n = 0; n < 3; n++) lone.receive(Kind.ITEM, 1, body);
      assertEquals(queued(), [1, 3], name);
      end(lone);
      assertEquals(queued(), [0, 0], name);
    }
  },
);
