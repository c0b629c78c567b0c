import { assert, assertEquals } from "@std/assert";
import { Histogram, upperEdge } from "../../lib/cli/histogram.ts";
import { seededRandom } from "../../lib/support/seeded_random.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("a percentile is within 0.8 % of the exact one", none, () => {
  const random = seededRandom(7);
  for (const scale of [0.01, 1, 1000, 1e6]) {
    const values = Array.from({ length: 5000 }, () => random() ** 4 * scale);
    const histogram = new Histogram();
    for (const value of values) histogram.record(value);
    values.sort((a, b) => a - b);
    for (const share of [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.max(0, Math.ceil(share * 5000) - 1)]!;
      const found = histogram.percentile(share);
      const error = Math.abs(found - exact);
      assert(
        error <= exact / 127 + 1e-4,
        `${scale} ${share}: ${found} ${exact}`,
      );
    }
    assertEquals(histogram.max, values.at(-1));
  }
});

Deno.test("histograms of 4 workers merge into that of all values", none, () => {
  const random = seededRandom(8);
  const all = new Histogram();
  const workers = Array.from({ length: 4 }, () => new Histogram());
  for (let i = 0; i < 4000; i++) {
    const value = Math.floor(random() * 1e7) / 1024; // sums are exact
    all.record(value);
    workers[i % 4]!.record(value);
  }
  const merged = new Histogram();
  for (const worker of workers) merged.merge(worker);
  assertEquals(merged.toJSON(), all.toJSON());
});

Deno.test("a histogram survives JSON", none, () => {
  const histogram = new Histogram();
  assertEquals(Histogram.from(histogram.toJSON()).toJSON(), histogram.toJSON());
  for (const value of [0, -1, 0.00001, 12, 3e8]) histogram.record(value);
  const copy = Histogram.from(JSON.parse(JSON.stringify(histogram)));
  assertEquals(copy.toJSON(), histogram.toJSON());
  assertEquals(copy.count, 5);
});

Deno.test("an empty histogram has zeros", none, () => {
  const { max, mean, count } = new Histogram();
  assertEquals([max, mean, count], [0, 0, 0]);
  assertEquals(new Histogram().percentile(0.99), 0);
});

Deno.test("the edges of buckets increase", none, () => {
  for (let index = 1; index < 6000; index++) {
    assert(upperEdge(index) > upperEdge(index - 1), `${index}`);
  }
});
