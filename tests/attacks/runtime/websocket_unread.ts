/** Deno keeps a closed WebSocket until its peer reads, or disconnects. */
const server = Deno.serve({ port: 0, onListen() {} }, (request) => {
  const options = { idleTimeout: 1 }; // seconds
  const { socket, response } = Deno.upgradeWebSocket(request, options);
  socket.onopen = () => {
    for (let at = 0; at < 320; at++) socket.send(new Uint8Array(65_536));
    socket.close();
  };
  return response;
});
const head =
  `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
const bytes = new TextEncoder().encode(head);
for (let peers = 0; peers < 8; peers++) {
  await (await Deno.connect({ port: server.addr.port })).write(bytes);
}
for (let seconds = 0; seconds < 60; seconds += 10) {
  console.log(seconds, "s,", Deno.memoryUsage().rss >> 20, "MiB");
  await new Promise((resolve) => setTimeout(resolve, 10_000));
}
Deno.exit();
