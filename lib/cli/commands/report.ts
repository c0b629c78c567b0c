/**
 * The command `report`: prints the figures of a server and its sessions.
 *
 * @module
 */
import { CallError } from "../../messages/errors/call_error.ts";
import {
  Operations,
  type ServerReport,
  type SessionOrder,
  type SessionRow,
  type SessionsPage,
  type SessionsRequest,
} from "../../messages/operations/operations_protocol.ts";
import type { ServerStats } from "../../messages/observe/stats.ts";
import type { MethodFigures } from "../../messages/session/calls/method_counters.ts";
import type { DurationFigures } from "../../messages/session/time/duration_histogram.ts";
import { printableName } from "../../messages/support/printable.ts";
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import { fitted, pairsOf, tableOf } from "../display.ts";
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

const GROUPS = ["principal", "address"] as const; // literals

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
    summary: "most sessions or groups to print, up to 1000",
  },
  by: {
    type: "string",
    value: "principal",
    summary: "print sums of the sessions by principal or address",
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
    [
      "report tcp://localhost:7000 --by principal --sort memory",
      "add up the sessions of each principal, the heaviest first",
    ],
  ],
  notes:
    `The server must serve Operations, and authorize the credentials. Calls and
bytes are those since the session was opened; "open" are calls in progress, of as
many as "of" says. "running" are handlers, of which "abandoned" go on although
their calls are over. "p50", "p99" and "max" are the times from requests to results,
of calls that did not fail. "held" is memory of the session, "dropped" are messages
to it. A session has a principal if the server has the option "principal".

With --by, JSON has "groups" instead of "sessions": the sums of all sessions.
An address is that of the client's host, without its port.`,
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
  const by = flags.by === undefined
    ? undefined
    : parseChoice("by", flags.by, GROUPS);
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
        by === undefined
          ? operations.sessions({ sort, skip: 0, limit }, options)
          : allSessions(
            (request) => operations.sessions(request, options),
            sort,
          ),
      ]);
      const groups = by && groupsOf(sessions.rows, by, sort);
      if (printer.format === "pretty") {
        const { isTTY, columns } = printer;
        const clear = isTTY && pause !== undefined ? "\x1b[H\x1b[2J" : "";
        const width = isTTY ? columns : Infinity;
        const rows = groups === undefined
          ? sessionLines(sessions, width)
          : groupLines(groups, limit, width);
        const lines = [...reportLines(server, width), "", ...rows]
          .map((line) => `${fitted(line, width)}\n`);
        await printer.print(clear + lines.join(""));
      } else {
        const time = new Date().toISOString();
        await printer.value(
          groups === undefined
            ? { time, server, sessions }
            : { time, server, groups: groups.slice(0, limit) },
        );
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

/** Sums of the sessions with one principal or address. */
interface Group {
  /** The principal or address. */
  readonly name: string;
  /** Number of sessions. */
  sessions: number;
  calls: number;
  handled: number;
  failed: number;
  refused: number;
  bytesSent: number;
  bytesReceived: number;
  heldBytes: number;
  unsentBytes: number;
  dropped: number;
  /** Number of sessions that are restricted. */
  restricted: number;
  /** Longest round trip in ms; -1 without one. */
  roundTrip: number;
  /** Age in ms of the oldest session. */
  age: number;
}

/** Sessions in one request. */
const PAGE = 1000;

/** Reads all sessions, page by page; some may open or end meanwhile. */
async function allSessions(
  read: (request: SessionsRequest) => Promise<SessionsPage>,
  sort: SessionOrder,
): Promise<SessionsPage> {
  const rows = new Map<string, SessionRow>();
  for (let skip = 0;; skip += PAGE) {
    const page = await read({ sort, skip, limit: PAGE });
    for (const row of page.rows) rows.set(row.id, row);
    if (page.rows.length < PAGE) {
      return { total: page.total, rows: [...rows.values()] };
    }
  }
}

/** Adds up sessions, in the order of the sums. */
function groupsOf(
  rows: readonly SessionRow[],
  by: typeof GROUPS[number],
  sort: SessionOrder,
): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const name = by === "principal" ? String(row.principal) : hostOf(row.peer);
    const group: Group = groups.get(name) ?? {
      name,
      ...{ sessions: 0, calls: 0, handled: 0, failed: 0, refused: 0 },
      ...{ bytesSent: 0, bytesReceived: 0, heldBytes: 0, unsentBytes: 0 },
      ...{ dropped: 0, restricted: 0, roundTrip: -1, age: 0 },
    };
    groups.set(name, group);
    group.sessions++;
    group.calls += row.calls;
    group.handled += row.handled;
    group.failed += row.failed;
    group.refused += row.refused;
    group.bytesSent += row.bytesSent;
    group.bytesReceived += row.bytesReceived;
    group.heldBytes += row.heldBytes;
    group.unsentBytes += row.unsentBytes;
    group.dropped += row.dropped ?? 0; // earlier servers do not report it
    if (row.restricted) group.restricted++;
    group.roundTrip = Math.max(group.roundTrip, row.roundTrip);
    group.age = Math.max(group.age, row.age);
  }
  const valueOf = {
    age: ({ age }) => age,
    bytes: ({ bytesSent, bytesReceived }) => bytesSent + bytesReceived,
    calls: ({ calls }) => calls,
    memory: ({ heldBytes }) => heldBytes,
    rtt: ({ roundTrip }) => roundTrip,
  } satisfies Record<SessionOrder, (group: Group) => number>;
  return [...groups.values()].sort((a, b) =>
    valueOf[sort](b) - valueOf[sort](a) || b.sessions - a.sessions
  );
}

/** Returns an address without its port; all Unix sockets are one. */
function hostOf(peer: unknown): string {
  const address = String(peer);
  return /^(.*):\d+$/.exec(address)?.[1] ?? address;
}

function groupLines(
  groups: readonly Group[],
  limit: number,
  width: number,
): string[] {
  const shown = groups.slice(0, limit);
  return [
    ...tableOf([
      [
        ...["group", "sessions", "open", "calls", "failed", "refused", "sent"],
        ...["received", "held", "unsent", "dropped", "rtt", "oldest", "notes"],
      ],
      ...shown.map((group) => [
        printableName(group.name) || "-",
        formatCount(group.sessions),
        formatCount(group.calls),
        formatCount(group.handled),
        formatCount(group.failed),
        formatCount(group.refused),
        formatBytes(group.bytesSent),
        formatBytes(group.bytesReceived),
        formatBytes(group.heldBytes),
        formatBytes(group.unsentBytes),
        formatCount(group.dropped),
        group.roundTrip < 0 ? "-" : formatMs(group.roundTrip),
        formatMs(group.age),
        group.restricted === 0
          ? ""
          : `${formatCount(group.restricted)} restricted`,
      ]),
    ], width),
    ...moreLines(groups.length - shown.length),
  ];
}

function moreLines(count: number): string[] {
  return count > 0 ? ["", `${formatCount(count)} more`] : [];
}

/** Returns the figures of the server as lines for a terminal. */
function reportLines(
  { instance, health, stats }: ServerReport,
  width: number,
): string[] {
  const { sessions, memory, callsHandled, methods, timerDelay } = stats;
  return [
    ...pairsOf([
      ["instance", printableName(String(instance))],
      ["health", countsOf(health)],
      [
        "sessions",
        `${sessions.open} open, ${sessions.draining} draining, ${sessions.waiting} waiting, ${sessions.opened} opened`,
      ],
      ["ended", endedOf(sessions)],
      ["refused", countsOf(sessions.refused)],
      [
        "calls",
        `${callsHandled.open} open, ${callsHandled.ok} ok, ${callsHandled.failed} failed, ${callsHandled.refused} refused`,
      ],
      ["memory", memoryOf(memory)],
      ["timers", `at most ${formatMs(timerDelay)} late`],
    ], width),
    "",
    ...tableOf([
      [
        ...["method", "open", "running", "abandoned", "ok", "failed"],
        ...["refused", "p50", "p99", "max", "errors"],
      ],
      ...Object.entries(methods).map(methodCells),
    ], width),
  ];
}

function sessionLines(
  { total, rows }: SessionsPage,
  width: number,
): string[] {
  return [
    ...tableOf([
      [
        ...["peer", "principal", "open", "of", "calls", "failed", "refused"],
        ...["sent", "received", "held", "unsent", "rtt", "age", "id", "notes"],
      ],
      ...rows.map(cellsOf),
    ], width),
    ...moreLines(total - rows.length),
  ];
}

/** Returns why sessions have ended, and how many their clients ended. */
function endedOf(
  { ended, endedByPeer = {} }: ServerStats["sessions"], // earlier servers do not report it
): string {
  const byPeer: Readonly<Record<string, number>> = endedByPeer;
  return countsOf(Object.fromEntries(
    Object.entries(ended).map(([code, count]) => {
      const own = byPeer[code];
      return [
        code,
        own === undefined ? count : `${count} (${own} by the client)`,
      ];
    }),
  ));
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
  const { open, running, ok, failed, refused, errors } = figures;
  // Earlier servers do not report these.
  const { abandoned = 0, overloaded = {} } = figures;
  const duration: DurationFigures | undefined = figures.duration;
  const percentile = (of: "p50" | "p99" | "max") =>
    duration === undefined || duration.count === 0
      ? "-"
      : formatMs(duration[of]);
  const causes = countsOf(overloaded);
  return [
    printableName(name),
    ...[open, running, abandoned, ok, failed, refused].map(formatCount),
    ...[percentile("p50"), percentile("p99"), percentile("max")],
    causes === "-" ? countsOf(errors) : `${countsOf(errors)} (${causes})`,
  ];
}

function cellsOf(row: SessionRow): string[] {
  const notes = [
    ...(row.restricted ? ["restricted"] : []),
    ...(row.mismatches > 0 ? [mismatchesOf(row)] : []),
    ...((row.dropped ?? 0) > 0 ? [`${formatCount(row.dropped)} dropped`] : []),
    ...heldNotes(row),
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

/** Returns how many methods differ, and which. */
function mismatchesOf({ mismatches, mismatched }: SessionRow): string {
  const count = `${formatCount(mismatches)} methods differ`;
  const names = (mismatched ?? []).map((name) => printableName(String(name))); // earlier servers do not report them
  if (names.length === 0) return count;
  const more = mismatches > names.length ? ", …" : "";
  return `${count}: ${names.join(", ")}${more}`;
}

/** Fewest bytes of one kind that are worth a note. */
const NOTED_BYTES = 64 * 1024;

/** Returns the kinds of memory of which a session holds much. */
function heldNotes({ held }: SessionRow): string[] {
  return Object.entries(held ?? {}) // earlier servers do not report it
    .filter(([, bytes]) => bytes >= NOTED_BYTES)
    .map(([kind, bytes]) =>
      `${printableName(kind)} hold ${formatBytes(bytes)}`
    );
}

/** Returns names with their values, such as `closed 3, timeout 1`. */
function countsOf(counts: Readonly<Record<string, unknown>>): string {
  const all = Object.entries(counts).map(([name, count]) =>
    printableName(`${name} ${count}`.trim())
  );
  return all.length === 0 ? "-" : all.join(", ");
}
