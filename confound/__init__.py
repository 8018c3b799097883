"""Checks experiments on language-model users for user drift, and says how much of the effect is causal."""

from typing import TYPE_CHECKING, Any

from confound.errors import ConfoundError, ConfoundWarning, InputError

if TYPE_CHECKING:
    from confound.analysis import analyze
    from confound.look import describe, read
    from confound.result import Analysis, load

__version__ = "0.1.0"
__all__ = ["Analysis", "ConfoundError", "ConfoundWarning", "InputError", "analyze", "describe", "load", "read"]


def __dir__() -> list[str]:
    return [*__all__, "__version__", "figures"]


def __getattr__(name: str) -> Any:
    """Load what needs pandas and statsmodels on first use, so that `confound --help` answers at once."""
    if name == "analyze":
        from confound.analysis import analyze

        return analyze
    if name in ("describe", "read"):
        from confound import look

        return getattr(look, name)
    if name in ("Analysis", "load"):
        from confound import result

        return getattr(result, name)
    raise AttributeError(f"module 'confound' has no attribute {name!r}")
