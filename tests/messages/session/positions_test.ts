/** Streams with positions, at the level of frames. */
import { concat } from "@std/bytes/concat";
import { assertEquals } from "@std/assert";
import { sendItem } from "../../../lib/messages/session/flow/outgoing_items.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { Feature } from "../../../lib/messages/session/wire/features.ts";
import {
  type ItemFields,
  itemFields,
  resumeField,
} from "../../../lib/messages/session/wire/fields.ts";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { accountsOf } from "./accounts.ts";
import { Lone, message, request } from "./lone_session.ts";
import { ASK, DOWN, type Outgoing, TALK } from "./session_calls.ts";

const pure = { permissions: "none" } as const;
const POSITIONS = { features: Feature.POSITIONS };
const FROM = { epoch: 7, number: 41 };

/** Returns the body of an ITEM with fields. */
function itemWith(fields: ItemFields, value: number[] = []): Uint8Array {
  const block = itemFields(fields);
  return concat([
    Uint8Array.of(0, block.length),
    block,
    Uint8Array.from(value),
  ]);
}

function at(number: number): ItemFields {
  return { position: { epoch: 7, number } };
}

const GAP = {
  ...at(9),
  gap: { from: 5, to: 9, reason: "slow" as const },
};

/** A client with a server stream, and a log of its items and their fields. */
function reader(features: number = Feature.POSITIONS): {
  lone: Lone;
  call: Outgoing;
  log: unknown[];
  read(): void;
} {
  const lone = Lone.open("client", {}, { features });
  const call = lone.call({ method: DOWN });
  const log: unknown[] = [];
  call.onItem = (body) => log.push(...body);
  call.onItemFields = ({ position, gap }) => {
    log.push(`at ${position?.number}${gap === undefined ? "" : ", gap"}`);
  };
  lone.sent();
  return {
    ...{ lone, call, log },
    read() {
      const { shared } = lone.session.enter(0);
      const body = takeItem(shared, call.call);
      if (body !== undefined) log.push(...body);
    },
  };
}

Deno.test(
  "the fields of an item precede it, whether it waits or is awaited",
  pure,
  () => {
    for (const waits of [true, false]) {
      const { lone, log, read } = reader();
      if (!waits) read();
      lone.receive(Kind.ITEM, 1, itemWith(at(1), [11]));
      if (waits) read();
      assertEquals(log, ["at 1", 11]);
    }
  },
);

Deno.test(
  "an item without a value keeps its place among the others",
  pure,
  () => {
    const { lone, log, read } = reader();
    lone.receive(Kind.ITEM, 1, itemWith(at(4), [14]));
    lone.receive(Kind.ITEM, 1, itemWith(GAP), Flag.NO_VALUE);
    lone.receive(Kind.ITEM, 1, itemWith(at(10), [20]));
    read();
    assertEquals(log, ["at 4", 14]);
    read();
    assertEquals(log, ["at 4", 14, "at 9, gap", "at 10", 20]);
    read();
    const later = { ...GAP, ...at(15) };
    lone.receive(Kind.ITEM, 1, itemWith(later), Flag.NO_VALUE);
    assertEquals(log.at(-1), "at 15, gap"); // at once, as a reader waits
    lone.receive(Kind.ITEM, 1, itemWith(at(16), [21]));
    assertEquals(log.slice(-2), ["at 16", 21]);
  },
);

Deno.test(
  "items without values return their charges when they are taken",
  pure,
  () => {
    const { lone, read } = reader();
    const before = accountsOf(lone.session);
    for (let count = 0; count < 100; count++) {
      const gap = { ...GAP, ...at(10 + count) };
      lone.receive(Kind.ITEM, 1, itemWith(gap), Flag.NO_VALUE);
    }
    const { itemsGranted, itemsOwed } = accountsOf(lone.session);
    assertEquals(itemsGranted + itemsOwed < before.itemsGranted, true);
    read();
    const after = accountsOf(lone.session);
    assertEquals(after.itemsGranted + after.itemsOwed, before.itemsGranted);
    assertEquals(lone.session.shared.items.queued, 0);
  },
);

Deno.test("fields that end the call end the reading", pure, () => {
  for (const waits of [true, false]) {
    const { lone, call, log, read } = reader();
    call.onItemFields = () =>
      lone.session.enter(0).outgoing.giveUp(call.call, {
        code: "cancelled",
        message: "left",
      });
    if (!waits) read();
    lone.receive(Kind.ITEM, 1, itemWith(at(1), [11]));
    lone.receive(Kind.ITEM, 1, itemWith(at(2), [12]));
    if (waits) read();
    assertEquals(log, []);
    assertEquals(call.error.code, "cancelled");
    assertEquals(lone.session.shared.items.queued, 0);
    assertEquals(lone.session.shared.items.readers, 0);
  }
});

Deno.test(
  "fields of positions are skipped if the feature is not in use",
  pure,
  () => {
    const { lone, log, read } = reader(0);
    lone.receive(Kind.ITEM, 1, itemWith(GAP), Flag.NO_VALUE);
    lone.receive(Kind.ITEM, 1, itemWith(at(1), [11]));
    read();
    assertEquals(log, [11]);
  },
);

Deno.test(
  "fields of positions are skipped in other calls than server streams",
  pure,
  () => {
    const lone = Lone.open("client", {}, POSITIONS);
    const call = lone.call({ method: TALK });
    call.onItemFields = () => call.errors.push(new Error() as never); // never called
    lone.receive(Kind.ITEM, 1, itemWith(GAP), Flag.NO_VALUE);
    lone.receive(Kind.ITEM, 1, itemWith(at(1), [11]));
    const { shared } = lone.session.enter(0);
    assertEquals(takeItem(shared, call.call), Uint8Array.of(11));
    assertEquals(call.errors, []);
  },
);

Deno.test("a malformed position breaks the call", pure, () => {
  const { lone, call } = reader();
  const bytes = itemWith(at(1), [11]);
  bytes[5] = 1; // an epoch of 2^56
  lone.receive(Kind.ITEM, 1, bytes);
  assertEquals(call.error.code, "malformed");
});

Deno.test(
  "RESUME_FROM reaches the handler of a server stream only",
  pure,
  () => {
    for (const method of [DOWN, ASK, TALK]) {
      for (const features of [0, Feature.POSITIONS]) {
        const lone = Lone.open("server", {}, { features });
        lone.receive(Kind.REQUEST, 1, request(method, [1], resumeField(FROM)));
        const accepted = method === DOWN && features !== 0;
        assertEquals(
          lone.calls.map(({ call }) => call.fields.resumeFrom),
          accepted ? [FROM] : [],
        );
        if (accepted) continue;
        const [error] = lone.sent();
        assertEquals([error?.kind, error?.body[0], error?.body[1]], [
          Kind.ERROR,
          3, // unimplemented
          0, // not processed
        ]);
      }
    }
  },
);

Deno.test(
  "sendItem() writes fields, and items without a value, also when they must wait",
  pure,
  () => {
    for (const credit of [true, false]) {
      const streamWindow = 1024;
      const lone = Lone.open("server", {}, { ...POSITIONS, streamWindow });
      lone.receive(Kind.REQUEST, 1, request(DOWN));
      const [incoming] = lone.calls;
      const { shared } = lone.session.enter(0);
      const call = incoming!.call;
      if (!credit) sendItem(shared, call, new Uint8Array(2000), incoming!);
      lone.sent();
      const value = { fields: itemFields(at(1)), hasValue: true };
      const gap = { fields: itemFields(GAP), hasValue: false };
      const outcomes = [
        sendItem(shared, call, Uint8Array.of(11), incoming!, value),
      ];
      if (!credit) lone.receive(Kind.CREDIT, 1, [0, 0, 0, 0, 0, 0, 16, 0]);
      outcomes.push(sendItem(shared, call, undefined, incoming!, gap));
      assertEquals(outcomes, [credit ? "accepted" : "queued", "accepted"]);
      assertEquals(
        lone.sent().map(({ flags, body }) => ({ flags, body })),
        [
          { flags: 0, body: itemWith(at(1), [11]) },
          { flags: Flag.NO_VALUE, body: itemWith(GAP) },
        ],
      );
    }
  },
);

Deno.test(
  "an item with fields that has several frames arrives whole",
  pure,
  () => {
    const { lone, log, read } = reader();
    const bytes = itemWith(at(1), [11, 12, 13]);
    read();
    lone.receive(Kind.ITEM, 1, bytes.slice(0, 10), Flag.MORE);
    lone.receive(Kind.ITEM, 1, bytes.slice(10, 22), Flag.MORE);
    lone.receive(Kind.ITEM, 1, bytes.slice(22));
    assertEquals(log, ["at 1", 11, 12, 13]);
    lone.receive(Kind.ITEM, 1, message([14]));
    read();
    assertEquals(log.at(-1), 14); // an item without fields
  },
);
