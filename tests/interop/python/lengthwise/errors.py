"""What a call or a session may end with (PROTOCOL.md, sections 13 and 15)."""

CODES = (
    "declared cancelled deadline unimplemented invalid internal overloaded "
    "unavailable unauthenticated forbidden too-large malformed disconnected"
).split()
PROCESSED = ["no", "maybe", "yes"]
RETRY = ["never", "later", "now"]
GOAWAY_CODES = (
    "none protocol version codec unauthenticated timeout too-many flow-control "
    "too-large unsent internal disconnected"
).split()


def name_of(names, number, otherwise):
    """The name under a number, or what an unknown number is read as."""
    return names[number] if number < len(names) else otherwise


class CallError(Exception):
    """A call that gave no result. Handlers raise it, callers catch it."""

    def __init__(self, code, text="", **details):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text or code
        self.processed = details.get("processed", "maybe")
        self.retry = details.get("retry", "never")
        self.retry_after = details.get("retry_after", 0)
        self.declared = details.get("declared", "")
        self.incident = details.get("incident", "")
        self.data = details.get("data")
        self.has_data = "data" in details


class SessionError(Exception):
    """The connection is over, and not in good order."""

    def __init__(self, code, text="", remote=False):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.remote = remote


class Malformed(Exception):
    """Bytes that break a rule; who catches it decides what they close."""
