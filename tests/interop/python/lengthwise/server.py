"""Listens, and makes a peer of every connection."""

import asyncio

from .peer import Peer


class Server:
    """Peers by connection."""

    def __init__(self, options):
        self._options = options
        self._server = None
        self.peers = []

    async def listen(self, host, port):
        """Begins to listen; gives the port."""
        self._server = await asyncio.start_server(self._accept, host, port)
        return self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        self.peers.append(Peer(reader, writer, role=1, **self._options))

    async def close(self):
        """Listens no more."""
        self._server.close()
        await self._server.wait_closed()


async def serve(host, port, **options):
    """Serves, and gives the server and its port."""
    server = Server(options)
    return server, await server.listen(host, port)
