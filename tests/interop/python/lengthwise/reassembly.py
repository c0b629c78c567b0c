"""Messages in several frames (PROTOCOL.md, section 10)."""

import asyncio

HEAD = 9 * 1024  # for the method number and the fields, on top of max_message


class Unfinished:
    """The bytes of all unfinished messages but items."""

    def __init__(self):
        self.bytes = 0


class Reassembly:
    """A message of which more frames must arrive.

    `unfinished`: None for an item, which credit bounds.
    `late`: called if the message is not complete in time.
    """

    def __init__(self, limits, unfinished=None, late=None):
        self._limits = limits
        self._unfinished = unfinished or Unfinished()
        self._parts = []
        self._size = 0
        self._timer = None
        if late is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(limits.assembly_timeout, late)

    def add(self, part):
        """Adds a part, or returns the code with which the message is abandoned."""
        limits, unfinished = self._limits, self._unfinished
        self._parts.append(bytes(part))
        self._size += len(part)
        unfinished.bytes += len(part)
        if self._size > limits.max_message + HEAD:
            return "too-large"
        if len(self._parts) > limits.max_fragments:
            return "too-large"
        alone = unfinished.bytes == self._size
        if unfinished.bytes > limits.max_assembly and not alone:
            return "overloaded"
        return None

    def drop(self):
        """Releases the memory."""
        if self._timer is not None:
            self._timer.cancel()
        self._unfinished.bytes -= self._size
        self._size, self._parts = 0, []

    def whole(self):
        """Returns the complete body."""
        body = b"".join(self._parts)
        self.drop()
        return body
