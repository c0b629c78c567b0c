/**
 * The surroundings of a command: streams, files, sockets and the clock.
 *
 * A command uses nothing else, so a test runs it in memory.
 *
 * @module
 */
import type { ConnectOptions } from "../transport/connect.ts";
import type { Connection, Listener } from "../transport/connection.ts";

/** A stream that a command writes to. */
export interface OutputStream {
  /**
   * Writes bytes and waits until they have been taken.
   *
   * @throws an error named `BrokenPipe` by rejection, if the reader has gone
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Whether the stream is a terminal. */
  readonly isTTY: boolean;
  /** Width of the terminal in columns; 80 if the stream is not a terminal. */
  readonly columns: number;
}

/** A file that a command writes. */
export interface FileOutput {
  /** Appends bytes to the file. */
  write(bytes: Uint8Array): Promise<void>;
  /** Closes the file. */
  close(): void;
}

/** The surroundings of a command. */
export interface Io {
  /** Answers of the command. */
  readonly stdout: OutputStream;
  /** Everything else: notes, errors, progress. */
  readonly stderr: OutputStream;
  /** Input of the command; it can be iterated once. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Whether the user accepts colors. */
  readonly color: boolean;
  /** Aborted when the user interrupts the command (SIGINT). */
  readonly interrupted: AbortSignal;
  /** Opens a connection to an address in its URL form. */
  connect(address: string, options: ConnectOptions): Promise<Connection>;
  /** Opens a listener. */
  listen(address: string, options: ListenTls): Promise<Listener>;
  /** Returns the bytes of a file, in chunks. */
  readFile(path: string): AsyncIterable<Uint8Array>;
  /** Creates or opens a file. The first bytes replace what it contains. */
  createFile(path: string): Promise<FileOutput>;
  /** Returns the value of an environment variable, if it is set. */
  env(name: string): string | undefined;
  /** Loads a module of the user, by path or URL. */
  importModule(path: string): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Starts a worker, which makes calls of a benchmark.
   *
   * @param onError called if the worker fails
   * @returns the port of the worker, and a function that ends it
   */
  openWorker(
    onError: (error: unknown) => void,
  ): { readonly port: MessagePort; close(): void };
  /** Returns the time in milliseconds; it never goes back. */
  now(): number;
  /** Returns the date and time. */
  date(): Date;
  /** Waits; resolves early if the signal is aborted. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  /** Lets other tasks run. */
  turn(): Promise<void>;
}

/** Certificate for a listener; without one, it accepts plain connections. */
export interface ListenTls {
  /** PEM certificate chain and private key. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

const encoder = new TextEncoder();

/** Writes text to a stream. */
export function writeText(output: OutputStream, text: string): Promise<void> {
  return output.write(encoder.encode(text));
}

/** Returns all bytes of a stream. */
export async function readAll(
  chunks: AsyncIterable<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Returns the text of a stream, which must be UTF-8. */
export async function readText(
  chunks: AsyncIterable<Uint8Array>,
): Promise<string> {
  return new TextDecoder("utf-8", { fatal: true }).decode(
    await readAll(chunks),
  );
}
