import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { body, UP } from "../session_calls.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { mulberry32 } from "../../../framing/random.ts";
import { Lone, message, request } from "../lone_session.ts";
import { accountsOf, heldBy, HOLDS_NOTHING } from "../accounts.ts";
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

Deno.test(
  "items arrive whole and release everything, however they are split",
  pure,
  () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = mulberry32(seed);
      const lone = Lone.open("server", {
        ...{ streamWindow: 1024, itemsWindow: 65_536, maxMessage: 65_536 },
        maxAssembly: seed % 2 === 0 ? 262_144 : 2 ** 20, // a reserve only, or more
      });
      const sent: string[] = [];
      const taken: string[] = [];
      const enter = () => lone.session.enter(lone.now);
      const ids = [1, 3, 5];
      for (const id of ids) lone.receive(Kind.REQUEST, id, request(UP));
      for (const { call } of lone.calls) {
        lone.calls[(call.id - 1) / 2]!.onItem = (item) =>
          taken.push(`${call.id} ${item.join()}`);
      }
      const take = (index: number) => {
        const { call } = lone.calls[index]!;
        if (call.receiveWindow?.readPending) return;
        const item = takeItem(enter().shared, call);
        if (item !== undefined) taken.push(`${call.id} ${item.join()}`);
      };
      const open = new Map(ids.map((id) => [id, [] as number[][]]));
      for (let step = 0; step < 60; step++) {
        const index = random(3);
        const id = ids[index]!;
        const { call } = lone.calls[index]!;
        const parts = open.get(id);
        if (parts === undefined || random(3) === 0) take(index);
        else if (
          call.receiveWindow!.available > 0 &&
          lone.session.shared.items.credit.available > 0
        ) {
          if (parts.length === 0) {
            if (random(6) === 0) {
              lone.receive(Kind.ITEM, id, [0, 0], Flag.NO_VALUE);
              continue;
            }
            const item = Array.from({ length: random(4) }, () => random(200));
            const isLast = random(12) === 0;
            if (!isLast) sent.push(`${id} ${item}`);
            const wrong = random(2) === 0 ? [1] : [255, 255, 7]; // the fields are cut
            const bytes = isLast ? wrong : [0, 0, ...item];
            while (bytes.length > 0) parts.push(bytes.splice(0, random(4)));
            if (parts.length === 0) parts.push([]);
          }
          const part = parts.shift()!;
          lone.receive(Kind.ITEM, id, part, parts.length > 0 ? Flag.MORE : 0);
          if (call.cancelled !== undefined) open.delete(id);
        }
        assertEquals(lone.ends, [], `seed ${seed}`);
        const { itemsGranted, itemsOwed, itemsLent } = accountsOf(lone.session);
        const { credit } = lone.session.shared.items;
        assertEquals(
          itemsGranted + itemsOwed + credit.unreturned,
          65_536 + itemsLent,
          `seed ${seed}`,
        );
      }
      for (const [index, id] of ids.entries()) {
        const parts = open.get(id);
        if (parts === undefined) continue;
        while (random(2) === 0) take(index);
        if (random(2) === 0) lone.receive(Kind.CANCEL, id, [0]);
        else if (parts.length === 0) {
          lone.receive(Kind.END, id);
          const { call } = lone.calls[index]!;
          for (let left = call.receiveWindow!.length; left >= 0; left--) {
            take(
              index,
            );
          }
        }
        const { responses } = enter().incoming;
        responses.respond(lone.calls[index]!.call, body(1), NO_FIELDS);
      }
      for (const id of ids) { // each stream receives its items in their order
        const of = (list: string[]) =>
          list.filter((item) => item.startsWith(`${id} `));
        assertEquals(
          of(sent).slice(0, of(taken).length),
          of(taken),
          `seed ${seed}`,
        );
      }
      assertEquals(heldBy(lone.session), HOLDS_NOTHING, `seed ${seed}`);
      const { itemsGranted, itemsOwed } = accountsOf(lone.session);
      assertEquals(itemsGranted + itemsOwed, 65_536, `seed ${seed}`);
      assertEquals(lone.session.shared.items.queued, 0);
    }
  },
);
