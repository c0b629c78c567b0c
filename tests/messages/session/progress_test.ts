/**
 * Runs some seeds of the progress simulation; `deno task simulate` runs 10,000,
 * and `deno task simulate SEED` replays one.
 *
 * @module
 */
import { assert, assertStringIncludes } from "@std/assert";
import {
  Flag,
  Kind,
  readId,
} from "../../../lib/messages/session/wire/frame_header.ts";
import { ProgressRun } from "./progress.ts";

const pure = { permissions: "none" } as const;
const SEEDS = 150;

Deno.test(
  "nothing waits except for an application that does not read",
  pure,
  () => {
    const counts = { calls: 0, notified: 0, refused: 0, endedUnread: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const run = new ProgressRun(seed);
      try {
        run.run();
      } catch (error) {
        throw new Error(`seed ${seed} fails`, { cause: error });
      }
      counts.calls += run.calls.length;
      counts.notified += run.notified;
      counts.refused += run.refused;
      for (const { endedUnread } of run.calls) {
        if (endedUnread) counts.endedUnread++;
      }
    }
    // The runs are worth nothing if little happens in them.
    assert(counts.calls > 10 * SEEDS, `${counts.calls} calls`);
    assert(counts.notified > SEEDS, `${counts.notified} notifications`);
    assert(counts.refused > 0, "nothing was refused");
    assert(counts.endedUnread > 0, "no unread stream was ended");
  },
);

/** Returns the frames that arrive instead of one. */
type Change = (frame: Uint8Array) => Uint8Array[];

/**
 * Runs seeds until a changed frame does harm. In each run, the first frame of
 * this kind that is a complete message is changed.
 *
 * @returns what the run reports, or an empty string
 */
function failureWith(kind: number, change: Change): string {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = new ProgressRun(seed);
    const { client } = run.simulation;
    const receive = client.receive.bind(client);
    const begun = new Set<number>();
    let changed = false;
    client.receive = (frame) => {
      if (changed || frame[0] !== kind) return receive(frame);
      const id = readId(frame);
      const more = (frame[1]! & Flag.MORE) !== 0; // frames have a header
      if (more) begun.add(id);
      if (more || begun.delete(id)) return receive(frame);
      changed = true;
      change(frame).forEach(receive);
    };
    try {
      run.run();
    } catch (error) {
      return String(error);
    }
  }
  return "";
}

/** Reports of the simulation if a frame is lost. */
const LOST: readonly (readonly [name: string, report: string])[] = [
  ["CREDIT", "is not accepted"],
  ["WINDOW", "both ends count the same credit"],
  ["REQUEST", "which has not started"],
  ["RESULT", "its reply does not arrive"],
  ["ITEM", "differs"],
  ["END", "waits"],
  ["NOTIFY", "differs"],
  ["CANCEL", "calls in flight"],
];

for (const [name, report] of LOST) {
  Deno.test(`The simulation reports that ${name} was lost`, pure, () => {
    const kind = Kind[name as keyof typeof Kind]; // the table has its names
    const lost = failureWith(kind, () => []);
    assertStringIncludes(lost, report);
  });
}

Deno.test("The simulation reports an item that arrived twice", pure, () => {
  const twice = failureWith(Kind.ITEM, (frame) => [frame.slice(), frame]);
  assertStringIncludes(twice, "both ends count the same credit");
});
