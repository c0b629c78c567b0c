import { assertEquals, assertThrows } from "@std/assert";
import {
  type CodecLimits,
  resolveCodecLimits,
} from "../../../lib/messages/codec/codec_limits.ts";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { JsonScanner } from "../../../lib/messages/codec/json_scanner.ts";
import { MsgpackScanner } from "../../../lib/messages/codec/msgpack_scanner.ts";
import { mulberry32 } from "../../framing/random.ts";
import {
  type Charge,
  chargedJson,
  chargedMsgpack,
  FEW_KEYS,
  JSON_FORMS,
  PACKED_FORMS,
  randomValue,
} from "./charged_values.ts";

const PURE = { permissions: "none" } as const;
const OPEN: CodecLimits = { maxHeld: 2 ** 40, maxKeys: 2 ** 29 };
const ROUNDS = 100;

interface Scanner {
  readonly held: number;
  scan(body: Uint8Array, maxHeld?: number): boolean;
}

function limitOf(scan: () => unknown): unknown[] {
  const { limit, allowed, found } = assertThrows(scan, CodecError);
  return [limit, allowed, found];
}

/** Checks that limits accept exactly what a body contains. */
function checkLimits(
  scanner: (limits: CodecLimits) => Scanner,
  { body, ...counts }: Charge,
  held: number,
  keys: number,
  bytesPerClass: number,
  bytesPerKey: number,
): void {
  const exact = { maxNodes: counts.nodes, maxDepth: Math.max(1, counts.depth) };
  scanner({ ...OPEN, ...exact, maxBytes: Math.max(1, counts.text) }).scan(body);
  for (
    const [limit, found] of [
      ["maxNodes", counts.nodes],
      ["maxDepth", counts.depth],
      ["maxBytes", counts.text],
    ] as const
  ) {
    if (found < 2) continue;
    const scan = () => scanner({ ...OPEN, [limit]: found - 1 }).scan(body);
    assertEquals(limitOf(scan).slice(0, 2), [limit, found - 1]);
  }
  // A smaller limit may select the decoder that holds less.
  if (counts.isMarked || counts.frugal >= counts.fast) {
    scanner({ ...OPEN, maxHeld: held }).scan(body);
    const scan = () => scanner(OPEN).scan(body, held - 1);
    const found = Math.ceil(counts.held + counts.frugal);
    assertEquals(limitOf(scan), ["maxHeld", held - 1, found]);
  }
  const interned = Math.ceil(counts.interning);
  const ofAll = keys - Math.floor(body.length / bytesPerClass);
  const ofInterned = interned - Math.floor(body.length / bytesPerKey);
  const least = Math.max(0, ofAll, ofInterned);
  scanner({ ...OPEN, maxKeys: least }).scan(body);
  if (least === 0) return;
  const found = ofAll === least ? keys : interned;
  assertEquals(
    limitOf(() => scanner({ ...OPEN, maxKeys: least - 1 }).scan(body)),
    ["maxKeys", found - 1, found],
  );
}

Deno.test("JsonScanner charges random bodies by its rules", PURE, () => {
  const random = mulberry32(20_261_130);
  const open = new JsonScanner(resolveCodecLimits(OPEN));
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const value = randomValue(random, JSON_FORMS);
    const charge = chargedJson(value, FEW_KEYS + round % 2);
    const { body, held, keys, interned } = charge;
    assertEquals(open.measure(body), held, `round ${round}`);
    assertEquals(open.held, held);
    if (held > 40 * (body.length + 256)) {
      assertEquals(limitOf(() => open.scan(body))[0], "maxHeld");
      continue;
    }
    accepted++;
    assertEquals(open.scan(body), interned <= Math.max(256, body.length / 8));
    const scanner = (limits: CodecLimits) =>
      new JsonScanner(resolveCodecLimits(limits));
    checkLimits(scanner, charge, held, keys, 14, 26);
  }
  assertEquals(accepted > ROUNDS / 2, true, `${accepted}`);
});

Deno.test("MsgpackScanner charges random bodies by its rules", PURE, () => {
  const random = mulberry32(20_261_130);
  const open = new MsgpackScanner(resolveCodecLimits(OPEN), false);
  const kinds = { fast: 0, frugal: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const value = randomValue(random, PACKED_FORMS);
    const charge = chargedMsgpack(value, FEW_KEYS + round % 2);
    const { body, fast, frugal, isMarked } = charge;
    const least = isMarked ? frugal : Math.min(fast, frugal);
    assertEquals(open.measure(body), Math.ceil(charge.held + least));
    const usual = 40 * (body.length + 64);
    const isFast = !isMarked && charge.held + fast <= usual;
    const held = Math.ceil(charge.held + (isFast ? fast : frugal));
    if (held > 40 * (body.length + 256)) {
      assertEquals(limitOf(() => open.scan(body))[0], "maxHeld");
      continue;
    }
    assertEquals(open.scan(body), isFast, `round ${round}`);
    assertEquals(open.held, held);
    kinds[isFast ? "fast" : "frugal"]++;
    const scanner = (limits: CodecLimits) =>
      new MsgpackScanner(resolveCodecLimits(limits), false);
    const keys = charge.keys + (isFast ? 0 : 2 * charge.sparse);
    checkLimits(scanner, charge, held, keys, 9, 22);
  }
  assertEquals(kinds.fast > 9 && kinds.frugal > 9, true);
});
