"""Errors a caller can act on.

NightchargeError
|- RetryableError           passing: back off and try again
|  |- VendorUnavailable     network, time-out, 5xx, vendor says "temporarily unavailable"
|  |- RateLimited           429 or a quota dressed as 403; `retry_after` is obeyed exactly
|  `- DeviceUnreachable     device asleep or offline
|- PermanentError           the same request will never work
|  |- UnknownDevice         the id is gone or never was
|  |- LinkRevoked           credentials dead or consent withdrawn; the driver must link again
|  |- MissingCapability     the device cannot do this
|  |- ControlledElsewhere   a schedule, smart-charging policy or other master holds the device
|  |- CommandRejected       the vendor refuses this request
|  |- MalformedReply        the vendor's answer does not parse
|  `- Unauthorized          our own client credentials are refused
`- CallerError              the caller's mistake: bad payload, unknown id, conflicting request

Outcomes that are not errors (a plan with shortfall, prices not out yet, "already stopped") are values.
"""

from datetime import timedelta


class NightchargeError(Exception):
    """Base of all errors of the product. `detail` carries no personal data."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or (type(self).__doc__ or type(self).__name__).splitlines()[0])


class RetryableError(NightchargeError):
    """A passing failure; try again later."""

    def __init__(
        self, detail: str = "", *, retry_after: timedelta | None = None, changed_nothing: bool = False
    ) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # world time; None: not told
        self.changed_nothing = changed_nothing  # True: certainly no effect; False: it may have arrived


class VendorUnavailable(RetryableError):
    """The vendor's service does not answer properly at the moment."""


class RateLimited(RetryableError):
    """The vendor asks for fewer requests."""


class DeviceUnreachable(RetryableError):
    """The device is asleep or offline."""


class PermanentError(NightchargeError):
    """The same request will never work."""


class UnknownDevice(PermanentError):
    """No such device."""


class LinkRevoked(PermanentError):
    """Access to the vendor account ended; the driver must link again."""


class MissingCapability(PermanentError):
    """The device cannot do this."""


class ControlledElsewhere(PermanentError):
    """A schedule or another controller holds the device."""


class CommandRejected(PermanentError):
    """The vendor refuses this request."""


class MalformedReply(PermanentError):
    """The vendor's answer does not parse."""


class Unauthorized(PermanentError):
    """The vendor refuses our client credentials."""


class CallerError(NightchargeError):
    """The request makes no sense in the present state."""
