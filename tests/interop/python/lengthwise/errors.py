"""Errors of calls and sessions (PROTOCOL.md, sections 13 and 15)."""

CODES = (
    "declared cancelled deadline unimplemented invalid internal overloaded "
    "unavailable unauthenticated forbidden too-large malformed disconnected "
    "moving conflict outcome-lost"
).split()
PROCESSED = ["no", "maybe", "yes"]
RETRY = ["never", "later", "now"]
GOAWAY_CODES = (
    "closed protocol version codec unauthenticated timeout too-many flow-control "
    "too-large unsent internal drain age refused-busy resume-lost"
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

    def __init__(self, code, text="", remote=False, retry_after=0):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.remote = remote
        self.retry_after = retry_after


class Malformed(Exception):
    """Bytes that break a rule. The code that catches it decides what to close."""


class Unsupported(Malformed):
    """A critical field that is not supported."""


def code_of(error):
    """Returns the code of a call with malformed or unsupported fields."""
    return "unimplemented" if isinstance(error, Unsupported) else "malformed"
