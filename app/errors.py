"""The root of every expected refusal."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A refusal the caller can understand and act on.

    `facts` become extension members at the top level of the problem document, so they
    hold what helps the caller decide (an amount, an id), never secrets; and of content only a
    line of the file that this caller has just sent. They are never logged.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        self.detail = detail or (type(self).__doc__ or type(self).__name__).split("\n")[0]
        self.facts = facts
        super().__init__(self.detail)


class NotFound(DomainError):
    """There is no such object, or it belongs to another user."""

    code, http_status = "not_found", 404


class UserDeleted(DomainError):
    """This user was deleted, and has nothing here any more."""

    code, http_status = "unauthorized", 401


class Unavailable(DomainError):
    """The database cannot be used just now; nothing was changed, try again."""

    code, http_status = "unavailable", 503
    retry_after_s: ClassVar[int] = 2


class ValidationFailed(DomainError):
    """Some of the given values are not acceptable; `errors` names them."""

    code, http_status = "validation_failed", 422

    @classmethod
    def of(cls, field: str, message: str) -> "ValidationFailed":
        """The refusal of one field."""
        return cls(errors=[{"field": field, "message": message}])


class TooLarge(DomainError):
    """The request is larger than what is accepted."""

    code, http_status = "too_large", 413


class Busy(Unavailable):
    """All slots are taken just now; nothing was changed, try again."""


class Locked(Unavailable):
    """Another transaction works on the same rows just now; nothing was changed, try again."""


class TooSlow(Unavailable):
    """The database took too long and was told to stop; nothing was changed, try again later."""

    retry_after_s = 10
