"""The exceptions a user may catch."""


class ConfoundError(Exception):
    """Anything `confound` refuses to do; the message says what is wrong, where, and what to do."""


class InputError(ConfoundError):
    """A log, a study file or an option that cannot be analysed as it is."""


class ConfoundWarning(UserWarning):
    """A part of a result could not be made; the others were."""
