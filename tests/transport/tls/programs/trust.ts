/**
 * Connects to servers with certificates of different authorities, in a process
 * whose own store (`--cert`) contains one of them. Reads the cases from its input
 * and prints the outcome of each: "ok", or the code of the error.
 *
 * @module
 */
import {
  connect,
  type TlsClientOptions,
  TransportError,
} from "@lengthwise/lengthwise/transport";

interface Case {
  url: string;
  tls: TlsClientOptions;
}

const cases: Case[] = await new Response(Deno.stdin.readable).json();
const outcomes: string[] = [];
for (const { url, tls } of cases) outcomes.push(await outcome(url, tls));
console.log(JSON.stringify(outcomes));

async function outcome(url: string, tls: TlsClientOptions): Promise<string> {
  try {
    using _connection = await connect(url, { tls });
    return "ok";
  } catch (error) {
    return error instanceof TransportError ? error.code : String(error);
  }
}
