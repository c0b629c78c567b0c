/**
 * The page of `examples/getting_started/` in Chromium.
 *
 * @module
 */
import { createServer, json, msgpack } from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { handlers } from "../../examples/getting_started/handlers.ts";
import { Shop } from "../../examples/getting_started/shop.ts";
import { bundle } from "./bundle.ts";
import { Chromium } from "./chromium.ts";

const FOLDER = "examples/getting_started";

Deno.test("the page of the guide shows a price of its server", async () => {
  const script = await bundle(`${FOLDER}/page.ts`, "--minify");
  const server = createServer(Shop, { codecs: [msgpack(), json()] })
    .handle(handlers);
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { pathname, origin } = new URL(request.url);
      if (pathname === "/shop") {
        const { response, connection } = upgradeWebSocket(request, {
          origins: [origin],
        });
        server.accept(connection);
        return response;
      }
      const isScript = pathname === "/page.js";
      return new Response(
        isScript ? script : Deno.readTextFileSync(`${FOLDER}/page.html`),
        {
          headers: {
            "content-type": isScript ? "text/javascript" : "text/html",
          },
        },
      );
    },
  );
  {
    await using chromium = await Chromium.start();
    const page = await chromium.open(`http://127.0.0.1:${http.addr.port}/`);
    await page.until(
      `document.querySelector("#price").textContent === "300 cents"`,
    );
  }
  await server.shutdown({ grace: 0 });
});
