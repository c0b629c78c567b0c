"""A TCP relay that cuts connections after a number of bytes."""

import asyncio


class Relay:
    """A relay to a port of this machine.

    `cuts`: for each connection in turn, the bytes to the server and to the client
    after which it is cut; None for any number. Later connections are not cut.
    """

    def __init__(self, port, cuts):
        self._port = port
        self._cuts = list(cuts)
        self._tasks = []
        self._accepted = self._done = 0

    @property
    def left(self):
        """Number of cuts that are still to come."""
        return len(self._cuts) - self._done

    async def listen(self):
        """Starts to listen and returns the port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        cuts = self._cuts[self._accepted:] or [(None, None)]
        up, down = cuts[0]
        self._accepted += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        both = (writer, far_writer)
        self._tasks += [
            asyncio.ensure_future(self._copy(reader, far_writer, up, both)),
            asyncio.ensure_future(self._copy(far_reader, writer, down, both)),
        ]

    async def _copy(self, reader, writer, left, both):
        try:
            while left is None or left > 0:
                data = await reader.read(65_536 if left is None else left)
                if writer.is_closing():
                    return
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()
                if left is not None:
                    left -= len(data)
        except OSError:
            pass
        if left == 0 and not writer.is_closing():
            self._done += 1
        for one in both:
            one.transport.abort()
