/**
 * Attacks a server and a client with every attack of the suite.
 *
 * ```sh
 * deno task attacks                  # all attacks
 * deno task attacks credit pings     # attacks with such a name
 * deno task attacks --write          # also writes their rows into the README
 * ```
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks.ts";
import { MEMORY } from "./budgets.ts";
import { problems } from "./measurement.ts";
import { AttackRunner } from "./runner.ts";
import { head, line, row, writeTable } from "./table.ts";

const options = Deno.args.filter((argument) => argument.startsWith("--"));
const words = Deno.args.filter((argument) => !argument.startsWith("--"));
const unknown = options.filter((one) => one !== "--write");
if (unknown.length > 0) {
  console.error(`Unknown option ${unknown[0]}; expected --write`);
  Deno.exit(2);
}

const chosen = attacks.filter(({ name }) =>
  words.length === 0 || words.some((word) => name.includes(word))
);
if (chosen.length === 0) {
  console.error(`No attack has a name with ${words.join(" or ")}`);
  Deno.exit(2);
}

/** Attacks on all memory need a processor each, so that two run at most. */
const heavy = queue(({ budget }) => budget >= MEMORY);
/** The others wait for most of their time, so that three run at once. */
const light = queue(({ budget }) => budget < MEMORY);

/** Returns attacks that wait for long first, so that no lane ends with one. */
function queue(belongs: (attack: Attack) => boolean): Iterator<Attack> {
  return chosen.filter(belongs)
    .toSorted((one, other) => (other.ms ?? 0) - (one.ms ?? 0))
    .values();
}

/** Takes attacks from one queue, and then from the next one. */
function* from(...queues: readonly Iterator<Attack>[]): Generator<Attack> {
  for (const queue of queues) {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      yield next.value;
    }
  }
}

const rows = new Map<string, string[]>();
const failures: string[] = [];

/** Runs one attack after another until none is left. */
async function runAll(list: Iterable<Attack>): Promise<void> {
  await using runner = new AttackRunner();
  for (const attack of list) {
    try {
      const found = await runner.run(attack);
      const cells = row(attack, found);
      rows.set(attack.name, cells);
      console.log(line(cells));
      for (const problem of problems(attack, found)) {
        failures.push(`${attack.name}: ${problem}`);
        const { seen, heap, failure } = found;
        const why = JSON.stringify({ seen, heap, failure });
        console.log(`  FAILED: ${problem}; ${why}`);
      }
    } catch (error) {
      failures.push(`${attack.name}: ${error}`);
      console.log(`  FAILED: ${attack.name}: ${error}`);
    }
  }
}

console.log(head());
// The handlers of heavy attacks wait for seconds, during which light ones run.
await Promise.all(
  options.includes("--write") // times are measured alone
    ? [runAll(from(light, heavy))]
    : [
      runAll(from(heavy, light)),
      runAll(from(light, heavy)),
      runAll(from(light)),
    ],
);
for (const failure of failures) console.log(`FAILED: ${failure}`);
console.log(
  `${chosen.length} attacks, ${failures.length} problems; p99 is a multiple of the bystander's time without an attack`,
);
if (options.includes("--write") && failures.length === 0) {
  await writeTable(attacks, rows);
}
Deno.exit(failures.length === 0 ? 0 : 1);
