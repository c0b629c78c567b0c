/**
 * The preset `lsp` with a language server from npm, over its standard streams.
 *
 * @module
 */
import {
  FrameDecoderStream,
  FrameEncoderStream,
} from "@lengthwise/lengthwise/framing";
import { lsp } from "@lengthwise/lengthwise/framing/presets";
import { assertEquals, assertStringIncludes } from "@std/assert";

const SERVER = "vscode-json-languageserver@1.3.4";
/** Milliseconds for npx to fetch the server, and for it to reply. */
const PATIENCE = 60_000;

Deno.test("lsp() receives diagnostics from a language server", async () => {
  await using child = new Deno.Command("npx", {
    args: ["-y", SERVER, "--stdio"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal: AbortSignal.timeout(PATIENCE),
  }).spawn();
  const encoder = new FrameEncoderStream(lsp());
  const sent = encoder.readable.pipeTo(child.stdin);
  const writer = encoder.writable.getWriter();
  const reader = child.stdout.pipeThrough(new FrameDecoderStream(lsp()))
    .getReader();
  const send = (message: Record<string, unknown>) => {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    return writer.write(new TextEncoder().encode(text));
  };
  /** Returns the next message with a member. */
  const receive = async (name: string, value: unknown) => {
    for (;;) {
      const { done, value: frame } = await reader.read();
      if (done) throw new Error("The server ended");
      const message = JSON.parse(new TextDecoder().decode(frame));
      if (message[name] === value) return message;
    }
  };

  await send({
    ...{ id: 1, method: "initialize" },
    params: { processId: null, rootUri: null, capabilities: {} },
  });
  const { result } = await receive("id", 1);
  assertEquals(typeof result.capabilities, "object");
  await send({ method: "initialized", params: {} });
  const uri = "file:///grüße.json";
  await send({
    method: "textDocument/didOpen",
    params: {
      textDocument: {
        ...{ uri, languageId: "json", version: 1, text: '{ "ä🙂": 1, }' },
      },
    },
  });
  const method = "textDocument/publishDiagnostics";
  const { params } = await receive("method", method);
  assertStringIncludes(decodeURI(params.uri), "grüße.json");
  assertEquals(params.diagnostics[0].message, "Trailing comma");
  assertEquals(params.diagnostics[0].range.start, { line: 0, character: 10 });

  await send({ id: 2, method: "shutdown" });
  assertEquals((await receive("id", 2)).result, null);
  await send({ method: "exit" });
  await writer.close();
  await sent;
  while (!(await reader.read()).done);
  assertEquals((await child.status).code, 0);
});
