"""Everything that Fettle raises on purpose.

::

    FettleError
    ├── ConfigError          a file or setting is wrong: says which, where and what was expected
    ├── IllegalTransition    a thing cannot do that from the state it is in
    ├── Refused              a person may not do that, or not now: the text is for that person
    ├── NotFound             no such incident, approval, action …
    ├── BadDelivery          a webhook's body is not what its vendor sends: names the field
    │   ├── Unauthentic      the signature or token is wrong
    │   └── TooLarge         over the size limit
    ├── Transient            try again later, perhaps after ``retry_after`` seconds
    ├── Stale                somebody else changed the same thing first
    ├── AuditBroken          the hash chain does not hold
    ├── KnowledgeError       the index cannot be read or written
    └── RunnerError          a runner could not even begin
"""


class FettleError(Exception):
    """The root: its text can be shown to a person."""


class ConfigError(FettleError):
    """A file or a setting is wrong. The text names the place and what was expected there."""


class IllegalTransition(FettleError):
    """A thing cannot do that from the state it is in."""


class Refused(FettleError):
    """A person may not do that, or not now. The text is the reason, written for that person.

    ``incident`` is the one that it belongs to on record, where the request itself does not say so.
    """

    def __init__(self, message: str, incident: int | None = None) -> None:
        super().__init__(message)
        self.incident = incident


class NotFound(FettleError):
    """There is no such thing. The text says what was looked for and where to look instead."""


class BadDelivery(FettleError):
    """A delivery's body is not what its vendor sends. ``field`` names the place."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class Unauthentic(BadDelivery):
    """A delivery's signature or token is wrong or missing."""


class TooLarge(BadDelivery):
    """A delivery is over the size limit."""


class Transient(FettleError):
    """The outside did not answer as it should, and may later. ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Stale(FettleError):
    """A row changed between being read and being saved: read again and decide again."""


class AuditBroken(FettleError):
    """The hash chain of the audit log does not hold. The text names the first bad row."""


class KnowledgeError(FettleError):
    """The knowledge index cannot be read or written."""


class RunnerError(FettleError):
    """A runner could not begin: its program, playbook or target is missing."""
