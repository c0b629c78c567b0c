
import { createClient, protocol, unary } from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
const Site = protocol({ name: "site", server: { hello: unary<string, string>() } });
const client = createClient(Site, "wss://site.example/", { codecs: [json()] });
document.title = await client.remote.hello("page");