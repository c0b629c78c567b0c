/**
 * The commands of the command line.
 *
 * @module
 */
import type { CommandHelp } from "./help.ts";
import type { Io } from "./io.ts";

/** A command, once it is loaded. */
export interface Command {
  /** Help of the command. */
  readonly HELP: CommandHelp;
  /** Runs the command and returns its exit code. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** A command before it is loaded. */
export interface CommandEntry {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Loads the command; most commands need only a part of the library. */
  load(): Promise<Command>;
}

/** Commands by name, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  ls: {
    summary: "list the methods of a server",
    load: () => import("./commands/ls.ts"),
  },
  call: {
    summary: "call a method, with any shape of streams",
    load: () => import("./commands/call.ts"),
  },
  subscribe: {
    summary: "print the notifications or the stream of a server",
    load: () => import("./commands/subscribe.ts"),
  },
  bench: {
    summary: "measure the latency and throughput of a method",
    load: () => import("./commands/bench.ts"),
  },
  tap: {
    summary: "show and record the frames between clients and a server",
    load: () => import("./commands/tap.ts"),
  },
  replay: {
    summary: "make the calls of a recorded file again",
    load: () => import("./commands/replay.ts"),
  },
  report: {
    summary: "print the figures of a server and its sessions",
    load: () => import("./commands/report.ts"),
  },
  health: {
    summary: "ask whether a server can serve calls",
    load: () => import("./commands/health.ts"),
  },
  diff: {
    summary: "compare the protocol in a file with that of a server",
    load: () => import("./commands/diff.ts"),
  },
  frames: {
    summary: "split a file into frames and say where it is damaged",
    load: () => import("./commands/frames.ts"),
  },
};
