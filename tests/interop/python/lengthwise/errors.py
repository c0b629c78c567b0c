"""Errors of calls and sessions (PROTOCOL.md, sections 13 and 15)."""

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
    """Returns the name of a number, or the default for an unknown number."""
    return names[number] if number < len(names) else otherwise


class CallError(Exception):
    """The error of a failed call. Handlers raise it; callers catch it."""

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
    """The connection ended abnormally."""

    def __init__(self, code, text="", remote=False):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.remote = remote


class Malformed(Exception):
    """Bytes that break a rule. The code that catches it decides what to close."""
