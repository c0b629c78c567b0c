/** Serves the parent process over standard input and output, in any runtime. */
import { useNodeSockets } from "@lengthwise/lengthwise/node";
import { streamConnection } from "@lengthwise/lengthwise/transport";
import { createTexts } from "../texts_peer.ts";

useNodeSockets();
await createTexts().accept(streamConnection("stdio"));
