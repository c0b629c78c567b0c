/**
 * Sizes of other clients for browsers, each with one call or message.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.ts";

/** Programs by the package that they use. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "socket.io-client@4.8.4": `
    import { io } from "npm:socket.io-client@4.8.4";
    const socket = io("wss://site.example/");
    document.title = await socket.emitWithAck("hello", "page");`,
  "capnweb@0.12.0": `
    import { newWebSocketRpcSession } from "npm:capnweb@0.12.0";
    const remote = newWebSocketRpcSession("wss://site.example/");
    document.title = await remote.hello("page");`,
  "@trpc/client@11.25.2, wsLink": `
    import { createTRPCClient, createWSClient, wsLink } from "npm:@trpc/client@11.25.2";
    const client = createWSClient({ url: "wss://site.example/" });
    const remote = createTRPCClient({ links: [wsLink({ client })] });
    document.title = await remote.hello.query("page");`,
  "@connectrpc/connect-web@2.3.0, HTTP": `
    import { createClient } from "npm:@connectrpc/connect@2.3.0";
    import { createConnectTransport } from "npm:@connectrpc/connect-web@2.3.0";
    import { fileDesc, serviceDesc } from "npm:@bufbuild/protobuf@2.17.0/codegenv2";
    const file = fileDesc("");
    const transport = createConnectTransport({ baseUrl: "https://site.example/" });
    const client = createClient(serviceDesc(file, 0), transport);
    document.title = await client.hello({ name: "page" });`,
  "@nats-io/nats-core@3.4.0": `
    import { wsconnect } from "npm:@nats-io/nats-core@3.4.0";
    const connection = await wsconnect({ servers: "wss://site.example/" });
    document.title = (await connection.request("hello", "page")).string();`,
};

const folder = await Deno.makeTempDir({ prefix: "lengthwise_sizes_" });
try {
  await Deno.writeTextFile(`${folder}/deno.json`, "{}");
  for (const [name, text] of Object.entries(PROGRAMS)) {
    const program = `${folder}/program.ts`;
    await Deno.writeTextFile(program, text);
    const options = ["--no-lock", `--config=${folder}/deno.json`, "--minify"];
    const { length } = gzipSync(await bundle(program, ...options), {
      level: 9,
    });
    console.log(`${(length / 1000).toFixed(1).padStart(6)} kB  ${name}`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
