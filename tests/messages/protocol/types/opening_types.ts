/**
 * Types of openings that may be omitted: code that must compile, and code that
 * must not. The compiler checks this file; nothing here runs.
 *
 * @module
 */
import type { NoErrors } from "../../../../lib/messages/protocol/method.ts";
import {
  clientStream,
  duplex,
} from "../../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../../lib/messages/protocol/protocol.ts";
import type { Remote } from "../../../../lib/messages/protocol/protocol_types.ts";
import { typed } from "../../../../lib/messages/schema/typed.ts";

const Files = protocol({
  name: "files",
  server: {
    none: clientStream<number, number>(),
    must: clientStream<number, number, NoErrors, { name: string }>(),
    may: clientStream<number, number, NoErrors, string | undefined>(),
    unknown: clientStream<number, number, NoErrors, unknown>(),
    // deno-lint-ignore no-explicit-any -- users may declare it
    any: clientStream<number, number, NoErrors, any>(),
    schema: clientStream({
      input: typed<number>(),
      opening: typed<string | undefined>(),
    }),
    schemaNone: clientStream({ input: typed<number>() }),
    talk: duplex<number, number, NoErrors, string | undefined>(),
    talkNone: duplex<number, number>(),
    talkMust: duplex<number, number, NoErrors, { name: string }>(),
  },
});

declare const remote: Remote<typeof Files, "server">;
declare const name: string | undefined;
declare const signal: AbortSignal;

export function whatCallersMay(): void {
  for (
    const upload of [remote.may, remote.unknown, remote.any, remote.schema]
  ) {
    upload();
    upload([1]);
    upload([1], {});
    upload([1], { signal });
  }
  remote.may([1], { opening: "x", timeout: 5 });
  remote.may(undefined, { opening: name });
  remote.unknown([1], { opening: { a: 1 } });
  remote.any([1], { opening: 5n });
  remote.schema([1], { opening: "x" });
  remote.schema([1], { opening: name });
  remote.talk();
  remote.talk([1], { signal });
  remote.talk([1], { opening: "x" });
  remote.must([1], { opening: { name: "x" } });
  remote.talkMust([1], { opening: { name: "x" } });
}

export function whatCallersMayNot(): void {
  // @ts-expect-error no opening is declared
  remote.none([1], { opening: "x" });
  // @ts-expect-error as above
  remote.none([1], { opening: undefined });
  // @ts-expect-error as above
  remote.schemaNone([1], { opening: "x" });
  // @ts-expect-error as above
  remote.talkNone([1], { opening: "x" });
  // @ts-expect-error another type
  remote.may([1], { opening: 1 });
  // @ts-expect-error as above
  remote.schema([1], { opening: 1 });
  // @ts-expect-error as above
  remote.talk([1], { opening: 1 });
  // @ts-expect-error the opening is required
  remote.must([1]);
  // @ts-expect-error as above
  remote.talkMust([1], { signal });
}
