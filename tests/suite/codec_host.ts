import { importTests } from "./parts.ts";

await importTests(import.meta.url);
