/**
 * The command `report`: prints the figures of a server and its sessions.
 *
 * @module
 */
import { CallError } from "../../messages/errors/call_error.ts";
import {
  Operations,
  type ServerReport,
  type SessionRow,
  type SessionsPage,
} from "../../messages/operations/operations_protocol.ts";
import type { ServerStats } from "../../messages/observe/stats.ts";
import type { MethodFigures } from "../../messages/session/calls/method_counters.ts";
import { printableName } from "../../messages/support/printable.ts";
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import { columnsOf, fitted } from "../display.ts";
import { CliError, EXIT } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";
import {
  formatBytes,
  formatCount,
  formatMs,
  parseCount,
  parseDuration,
} from "../quantities.ts";

const ORDERS = ["calls", "bytes", "rtt", "memory", "age"] as const; // literals

const FLAGS = {
  watch: {
    type: "string",
    value: "1s",
    summary: "print the figures again and again, after this time",
  },
  sort: {
    type: "string",
    value: "calls",
    summary: "order of the sessions: calls, bytes, rtt, memory or age",
  },
  top: {
    type: "string",
    value: "20",
    summary: "most sessions to print, up to 1000",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "report <url> [flags]",
  examples: [
    [
      "report tcp://localhost:7000 --credentials env:TOKEN",
      "print the figures of a server and its busiest sessions",
    ],
    [
      "report tcp://localhost:7000 --watch 1s --sort memory --top 5",
      "follow the sessions that hold most memory",
    ],
    [
      "report tcp://localhost:7000 --format pretty > report.txt",
      "write the same tables to a file, instead of JSON with the time",
    ],
  ],
  notes:
    `The server must serve Operations, and authorize the credentials. Calls and
bytes are those since the session was opened; "open" are calls in progress, of as
many as "of" says. "running" are handlers, also of calls that are over; "mean" is
the time from a request to its result or error. A session has a principal if the
server has the option "principal".`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 1],
  );
  const [url = ""] = positionals;
  const sort = parseChoice("sort", flags.sort ?? "calls", ORDERS);
  const limit = Math.min(1000, parseCount("top", flags.top ?? "20"));
  const pause = flags.watch === undefined
    ? undefined
    : parseDuration("watch", flags.watch);
  const printer = new Printer(io, flags);
  const target = await readTarget(url, flags, io);
  await printer.detail(describeTarget(target));
  const session = await openSession(Operations, target, io);
  const options = { timeout: target.timeout, signal: io.interrupted };
  const { operations } = session.remote;
  try {
    do {
      const [server, sessions] = await Promise.all([
        operations.server(undefined, options),
        operations.sessions({ sort, skip: 0, limit }, options),
      ]);
      if (printer.format === "pretty") {
        const { isTTY, columns } = printer;
        const clear = isTTY && pause !== undefined ? "\x1b[H\x1b[2J" : "";
        const lines = reportLines(server, sessions)
          .map((line) => `${isTTY ? fitted(line, columns) : line}\n`);
        await printer.print(clear + lines.join(""));
      } else {
        const time = new Date().toISOString();
        await printer.value({ time, server, sessions });
      }
      if (pause !== undefined) await io.wait(pause, io.interrupted);
    } while (pause !== undefined && !io.interrupted.aborted);
  } catch (error) {
    if (io.interrupted.aborted && pause !== undefined) return EXIT.ok;
    throw error instanceof CallError && error.code === "unimplemented"
      ? new CliError(`${url} does not report its figures`, {
        code: "no",
        cause: error,
        hint: "merge Operations into the server's protocol",
      })
      : error;
  } finally {
    await session.close();
  }
  return EXIT.ok;
}

/** Returns the figures as lines for a terminal. */
function reportLines(
  { instance, health, stats }: ServerReport,
  { total, rows }: SessionsPage,
): string[] {
  const { sessions, memory, callsHandled, methods, timerDelay } = stats;
  return [
    ...columnsOf([
      ["instance", printableName(String(instance))],
      ["health", countsOf(health)],
      [
        "sessions",
        `${sessions.open} open, ${sessions.draining} draining, ${sessions.waiting} waiting, ${sessions.opened} opened`,
      ],
      ["ended", countsOf(sessions.ended)],
      ["refused", countsOf(sessions.refused)],
      [
        "calls",
        `${callsHandled.open} open, ${callsHandled.ok} ok, ${callsHandled.failed} failed, ${callsHandled.refused} refused`,
      ],
      ["memory", memoryOf(memory)],
      ["timers", `at most ${formatMs(timerDelay)} late`],
    ]),
    "",
    ...columnsOf([
      [
        ...["method", "open", "running", "ok", "failed", "refused", "mean"],
        "errors",
      ],
      ...Object.entries(methods).map(methodCells),
    ]),
    "",
    ...columnsOf([
      [
        ...["peer", "principal", "open", "of", "calls", "failed", "refused"],
        ...["sent", "received", "held", "unsent", "rtt", "age", "id", "notes"],
      ],
      ...rows.map(cellsOf),
    ]),
    ...(rows.length < total
      ? ["", `${formatCount(total - rows.length)} more`]
      : []),
  ];
}

/** Describes the memory, and whether there is too little. */
function memoryOf(
  { used, limit, pressureAt, restricted }: ServerStats["memory"],
): string {
  const use = `${formatBytes(used)} of ${formatBytes(limit)}`;
  const above = `above ${formatBytes(pressureAt)}, `;
  return used > pressureAt
    ? `${use}; ${above}${
      formatCount(restricted)
    } sessions get no calls and no credit`
    : `${use}; ${above}heavy sessions get no calls and no credit`;
}

function methodCells([name, figures]: [string, MethodFigures]): string[] {
  const { open, running, ok, failed, refused, time, errors } = figures;
  const ended = ok + failed + refused;
  return [
    printableName(name),
    ...[open, running, ok, failed, refused].map(formatCount),
    ended === 0 ? "-" : formatMs(time / ended),
    countsOf(errors),
  ];
}

function cellsOf(row: SessionRow): string[] {
  const notes = [
    ...(row.restricted ? ["restricted"] : []),
    ...(row.mismatches > 0
      ? [`${formatCount(row.mismatches)} methods differ`]
      : []),
  ];
  return [
    printableName(String(row.peer)),
    printableName(String(row.principal)) || "-",
    formatCount(row.calls),
    formatCount(row.maxCalls),
    formatCount(row.handled),
    formatCount(row.failed),
    formatCount(row.refused),
    formatBytes(row.bytesSent),
    formatBytes(row.bytesReceived),
    formatBytes(row.heldBytes),
    formatBytes(row.unsentBytes),
    row.roundTrip < 0 ? "-" : formatMs(row.roundTrip),
    formatMs(row.age),
    printableName(String(row.id)),
    notes.join(", "),
  ];
}

/** Returns names with their values, such as `closed 3, timeout 1`. */
function countsOf(counts: Readonly<Record<string, unknown>>): string {
  const all = Object.entries(counts).map(([name, count]) =>
    printableName(`${name} ${count}`.trim())
  );
  return all.length === 0 ? "-" : all.join(", ");
}
