"""A server that creates a peer for each connection."""

import asyncio

from .peer import Peer
from .resuming import Sessions


class Server:
    """The peers of a listening socket."""

    def __init__(self, options):
        self._options = options
        self._server = None
        self.peers = []

    async def listen(self, host, port):
        """Starts to listen and returns the port."""
        self._server = await asyncio.start_server(self._accept, host, port)
        return self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        self.peers.append(Peer(reader, writer, role=1, **self._options))

    async def close(self):
        """Stops listening."""
        self._server.close()
        await self._server.wait_closed()


async def serve(host, port, **options):
    """Serves, and returns the server and its port.

    `grace`: seconds for which a session without a connection may be resumed.
    """
    grace = options.pop("grace", None)
    if grace is not None:
        options["sessions"] = Sessions(grace)
    server = Server(options)
    return server, await server.listen(host, port)
