/**
 * The figures of a server, its topics and sessions as tables.
 *
 * @module
 */
import type { TopicFigures } from "../messages/broadcast/fanout.ts";
import type {
  ServerReport,
  SessionRow,
  SessionsPage,
  TopicRow,
  TopicsPage,
} from "../messages/operations/operations_protocol.ts";
import type { ServerStats } from "../messages/observe/stats.ts";
import type { MethodFigures } from "../messages/session/calls/method_counters.ts";
import type { DurationFigures } from "../messages/session/time/duration_histogram.ts";
import { printableName } from "../messages/support/printable.ts";
import { formatBytes, formatCount, formatMs } from "./quantities.ts";

/** A table whose cells a terminal can show. */
export interface Table {
  /** Heading. */
  readonly title: string;
  /** Rows of cells; the first has the names of the columns. */
  readonly rows: readonly (readonly string[])[];
  /** Number of rows that are left out. */
  readonly more: number;
}

/** Sums of the sessions with one principal or address. */
export interface Group {
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

/** Returns the sums of sessions, of which some are left out. */
export function groupTable(groups: readonly Group[], limit: number): Table {
  const shown = groups.slice(0, limit);
  return {
    title: "Sessions",
    rows: [
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
    ],
    more: groups.length - shown.length,
  };
}

/** Returns the figures of the server, with their names. */
export function serverPairs(
  { instance, health, stats }: ServerReport,
  broadcast: TopicFigures | undefined,
): (readonly [name: string, text: string])[] {
  const { sessions, memory, callsHandled, timerDelay } = stats;
  return [
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
    ...broadcast === undefined || broadcast.published === 0
      ? []
      : [["broadcast", broadcastOf(broadcast)] as const],
    ["memory", memoryOf(memory)],
    ["timers", `at most ${formatMs(timerDelay)} late`],
  ];
}

/** Returns the calls of each method. */
export function methodTable({ stats }: ServerReport): Table {
  return {
    title: "Methods",
    rows: [
      [
        ...["method", "open", "running", "abandoned", "ok", "failed"],
        ...["refused", "p50", "p99", "max", "errors"],
      ],
      ...Object.entries(stats.methods).map(methodCells),
    ],
    more: 0,
  };
}

/** Returns the topics, of which some are left out. */
export function topicTable({ total, rows }: TopicsPage): Table {
  return {
    title: "Topics",
    rows: [
      [
        ...["topic", "subscribers", "published", "delivered", "dropped"],
        ...["conflated", "disconnected", "queued", "bytes", "most"],
        ...["slowest", "principal", "id"],
      ],
      ...rows.map(topicCells),
    ],
    more: total - rows.length,
  };
}

/** Returns the sessions, of which some are left out. */
export function sessionTable({ total, rows }: SessionsPage): Table {
  return {
    title: "Sessions",
    rows: [
      [
        ...["peer", "principal", "open", "of", "calls", "failed", "refused"],
        ...["sent", "received", "held", "unsent", "rtt", "age", "id", "notes"],
      ],
      ...rows.map(cellsOf),
    ],
    more: total - rows.length,
  };
}

/** Returns what messages to all sessions met. */
function broadcastOf(
  { published, delivered, dropped, disconnected, queuedBytes }: TopicFigures,
): string {
  return `${formatCount(published)} published, ${
    formatCount(delivered)
  } delivered, ${formatCount(dropped)} dropped, ${
    formatCount(disconnected)
  } disconnected, ${formatBytes(queuedBytes)} wait`;
}

function topicCells(row: TopicRow): string[] {
  return [
    printableName(String(row.name)) || '""',
    formatCount(row.subscribers),
    formatCount(row.published),
    formatCount(row.delivered),
    formatCount(row.dropped),
    formatCount(row.conflated),
    formatCount(row.disconnected),
    formatCount(row.queued),
    formatBytes(row.queuedBytes),
    formatBytes(row.mostQueuedBytes),
    printableName(String(row.slowestPeer)) || "-",
    printableName(String(row.slowestPrincipal)) || "-",
    printableName(String(row.slowest)) || "-",
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
