import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { UP } from "../session_calls.ts";
import { Lone, message, request } from "../lone_session.ts";
import { accountsOf } from "../accounts.ts";

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
