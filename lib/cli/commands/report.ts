/**
 * The command `report`: prints the figures of a server and its sessions.
 *
 * @module
 */
import { CallError } from "../../messages/errors/call_error.ts";
import {
  Operations,
  type OperationsMethods,
  type ServerReport,
  type SessionOrder,
  type SessionRow,
  type SessionsPage,
  type SessionsRequest,
  type TopicsPage,
} from "../../messages/operations/operations_protocol.ts";
import type {
  CallOptions,
  RemoteMethods,
} from "../../messages/protocol/client_types.ts";
import { describeTarget, openSession, readTarget } from "../connecting.ts";
import { fitted, pairsOf, tableOf } from "../display.ts";
import { CliError, EXIT } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  type FlagValues,
  GENERAL_FLAGS,
  parseChoice,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import { escapeHtml, page, table, textTable } from "../html_page.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";
import { formatCount, parseCount, parseDuration } from "../quantities.ts";
import {
  type Group,
  groupTable,
  methodTable,
  serverPairs,
  sessionTable,
  type Table,
  topicTable,
} from "../report_tables.ts";
import { TextFiles } from "../write_file.ts";

const ORDERS = ["calls", "bytes", "rtt", "memory", "age"] as const; // literals

const TOPIC_ORDERS = [
  "queued",
  "dropped",
  "published",
  "subscribers",
] as const; // literals

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
  "sort-topics": {
    type: "string",
    value: "queued",
    summary: "order of the topics: queued, dropped, published or subscribers",
  },
  top: {
    type: "string",
    value: "20",
    summary: "most topics, and sessions or groups, to print, up to 1000",
  },
  by: {
    type: "string",
    value: "principal",
    summary: "print sums of the sessions by principal or address",
  },
  report: {
    type: "string",
    value: "file.html",
    summary: "write a page with the figures; with --watch, the last ones",
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

Topics are those with subscribers. "queued" copies wait for slow subscribers, and
"most" of their bytes for the slowest one, which is named.

With --by, JSON has "groups" instead of "sessions": the sums of all sessions.
An address is that of the client's host, without its port.`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Figures at one moment. */
interface Report {
  /** Time of reading. */
  readonly time: string;
  readonly server: ServerReport;
  /** Absent if the server is an earlier one. */
  readonly topics?: TopicsPage;
  readonly sessions?: SessionsPage;
  /** Instead of the sessions, with `--by`. */
  readonly groups?: readonly Group[];
}

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const files = new TextFiles(io);
  try {
    return await runReport(args, files, io);
  } finally {
    files.close();
  }
}

async function runReport(
  args: readonly string[],
  files: TextFiles,
  io: Io,
): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 1],
  );
  const [url = ""] = positionals;
  const request = requestOf(flags);
  const pause = flags.watch === undefined
    ? undefined
    : parseDuration("watch", flags.watch);
  const printer = new Printer(io, flags);
  const target = await readTarget(url, flags, io);
  const file = await files.open(flags.report);
  await printer.detail(describeTarget(target));
  const session = await openSession(Operations, target, io);
  const options = { timeout: target.timeout, signal: io.interrupted };
  const { operations } = session.remote;
  let last: Report | undefined;
  try {
    do {
      last = await readReport(operations, request, options, io);
      await print(last, request.limit, pause !== undefined, printer);
      if (pause !== undefined) await io.wait(pause, io.interrupted);
    } while (pause !== undefined && !io.interrupted.aborted);
  } catch (error) {
    if (!io.interrupted.aborted || pause === undefined) {
      throw isUnimplemented(error)
        ? new CliError(`${url} does not report its figures`, {
          code: "no",
          cause: error,
          hint: "merge Operations into the server's protocol",
        })
        : error;
    }
  } finally {
    await session.close();
  }
  if (last !== undefined) {
    await file?.write(reportPage(url, last, request.limit));
  }
  return EXIT.ok;
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof CallError && error.code === "unimplemented";
}

/** The order and number of rows to read. */
interface ReportRequest {
  readonly sort: SessionOrder;
  readonly sortTopics: typeof TOPIC_ORDERS[number];
  /** Most topics, sessions or groups. */
  readonly limit: number;
  readonly by: typeof GROUPS[number] | undefined;
}

function requestOf(flags: FlagValues<typeof FLAGS>): ReportRequest {
  return {
    sort: parseChoice("sort", flags.sort ?? "calls", ORDERS),
    sortTopics: parseChoice(
      "sort-topics",
      flags["sort-topics"] ?? "queued",
      TOPIC_ORDERS,
    ),
    limit: Math.min(PAGE, parseCount("top", flags.top ?? "20")),
    by: flags.by === undefined
      ? undefined
      : parseChoice("by", flags.by, GROUPS),
  };
}

/** Reads the figures. */
async function readReport(
  operations: RemoteMethods<OperationsMethods>["operations"],
  { sort, sortTopics, limit, by }: ReportRequest,
  options: CallOptions,
  io: Io,
): Promise<Report> {
  const [server, topics, sessions] = await Promise.all([
    operations.server(undefined, options),
    operations.topics({ sort: sortTopics, skip: 0, limit }, options)
      .catch((error) => {
        if (isUnimplemented(error)) return undefined; // an earlier server
        throw error;
      }),
    by === undefined
      ? operations.sessions({ sort, skip: 0, limit }, options)
      : allSessions((request) => operations.sessions(request, options), sort),
  ]);
  return {
    time: io.date().toISOString(),
    server,
    ...topics && { topics },
    ...by === undefined
      ? { sessions }
      : { groups: groupsOf(sessions.rows, by, sort) },
  };
}

/** Returns the tables of a report; the topics are left out if there are none. */
function tablesOf(report: Report, limit: number): Table[] {
  const { server, topics, sessions, groups } = report;
  return [
    methodTable(server),
    ...topics === undefined || topics.total === 0 ? [] : [topicTable(topics)],
    ...sessions === undefined ? [] : [sessionTable(sessions)],
    ...groups === undefined ? [] : [groupTable(groups, limit)],
  ];
}

async function print(
  report: Report,
  limit: number,
  watches: boolean,
  printer: Printer,
): Promise<void> {
  if (printer.format !== "pretty") {
    const { groups } = report;
    await printer.value(
      groups ? { ...report, groups: groups.slice(0, limit) } : report,
    );
    return;
  }
  const { isTTY, columns } = printer;
  const clear = isTTY && watches ? "\x1b[H\x1b[2J" : "";
  const width = isTTY ? columns : Infinity;
  const lines = [
    ...pairsOf(serverPairs(report.server, report.topics?.broadcast), width),
    ...tablesOf(report, limit).flatMap(({ rows, more }) => [
      "",
      ...tableOf(rows, width),
      ...more > 0 ? ["", moreText(more)] : [],
    ]),
  ].map((line) => `${fitted(line, width)}\n`);
  await printer.print(clear + lines.join(""));
}

function moreText(count: number): string {
  return `${formatCount(count)} more`;
}

/** Returns the figures as a page. */
function reportPage(url: string, report: Report, limit: number): string {
  const pairs = serverPairs(report.server, report.topics?.broadcast);
  return page(`Figures of ${url}`, [
    `<p class="sub">${escapeHtml(report.time)}</p>`,
    textTable(pairs),
    ...tablesOf(report, limit).map(({ title, rows, more }) =>
      `<h2>${escapeHtml(title)}</h2>\n${table(rows)}${
        more > 0 ? `\n<p class="sub">${escapeHtml(moreText(more))}</p>` : ""
      }`
    ),
  ]);
}

/** Most rows in one request. */
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
