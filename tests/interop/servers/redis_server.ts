/**
 * A Redis server (Debian package `redis-server`) on a free port of 127.0.0.1,
 * which keeps its data in memory only.
 *
 * @module
 */
import { findProgram, type RunningServer, startServer } from "./programs.ts";

/** Starts a server with further options. */
export async function startRedis(...more: string[]): Promise<RunningServer> {
  const redis = findProgram("redis-server", "redis-server");
  return await startServer({
    user: undefined, // it logs to stderr, which only this user can open
    command: (port) => [
      ...[redis, "--bind", "127.0.0.1", "--port", `${port}`, "--dir", "/tmp"],
      ...["--save", "", "--appendonly", "no", "--logfile", "/dev/stderr"],
      ...more,
    ],
    ready: /Ready to accept connections/,
    stopSignal: "SIGTERM",
  });
}
