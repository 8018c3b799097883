"""What `confound simulate` does, one function for each use: it takes arguments as typed and returns text to print."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from confound.errors import InputError
from simulate.backends import presets
from simulate.backends.access import ModelAccess
from simulate.backends.protocol import Stopped
from simulate.run import loop as runs
from simulate.run.folder import source_of
from simulate.run.manifest import MANIFEST
from simulate.run.resources import Prices, Resources
from simulate.run.tables import RESPONSES, TRUTH
from simulate.study import preview as previews
from simulate.study.reading import list_studies, load_study, study_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from simulate.study.definition import Study


def listing() -> str:
    """Return the studies that come with confound, one on each line."""
    studies = list_studies()
    width = max(len(name) for name, _ in studies)
    return "\n".join(f"{name:{width}}  {title}" for name, title in studies)


def models() -> str:
    """Return the models with known settings, one on each line."""
    return presets.listing()


def text(study: str | None) -> str:
    """Return the file of a study."""
    return study_text(_named(study))


def preview(study: str | None, *, seed: int | None, **sizes: int | None) -> str:
    """Return every kind of prompt once, and the size of the run."""
    loaded = load_study(_named(study))
    return f"{previews.show_prompts(loaded, seed=seed or 0)}\n\n{previews.plan(loaded, **sizes).text()}"


def run(
    study: str | None,
    out: Path,
    *,
    resume: bool,
    progress: Callable[[int, int], None],
    tell: Callable[[str], None],
    **given: Any,
) -> str:
    """Run a study or a shard of it, or resume it; return the text to print at the end."""
    again = resume_command(study, out, given)
    resources = _resources(given, tell)
    if given["model"] is not None and given["backend"] is None:
        given["backend"] = _backend_of(given["model"], resources.access)
    loaded = _study(study, out, begun=resume)
    try:
        done = runs.simulate(loaded, out, resume=resume, resources=resources, progress=progress, **_sampled(given))
    except (runs.Incomplete, Stopped) as error:
        raise type(error)(f"{error}. Continue with: {again}") from error
    if given["shard"] is not None:
        again = shlex.join(["confound", "simulate", study or loaded.source, "--out", str(out), "--merge"])
        return f"{done.out}: {done.answers:,} answers are on disk. When all shards are done: {again}"
    return _report(loaded, done)


def merge(study: str | None, out: Path, *, drop_incomplete: bool = False) -> str:
    """Join shards; return the text to print at the end."""
    loaded = _study(study, out, begun=True)
    return _report(loaded, runs.merge(loaded, out, drop_incomplete=drop_incomplete))


def resume_command(study: str | None, out: Path, given: Mapping[str, Any]) -> str:
    """Return the command that resumes a run: its folder holds the settings, but not how to reach the models."""
    parts = ["confound", "simulate", *([study] if study else []), "--out", str(out)]
    for name in ("shard", *_REACHING):
        values = given.get(name) or ()
        for value in values if isinstance(values, tuple) else (values,):
            parts += [f"--{name.replace('_', '-')}", "=".join(value) if isinstance(value, tuple) else f"{value}"]
    return shlex.join([*parts, "--resume"])


_LIMITS = ("concurrency", "rpm", "tpm", "timeout", "attempts")
_PRICES = ("price_in", "price_out", "agent_price_in", "agent_price_out")
_REACHING = ("base_url", "agent_base_url", "key_env", "agent_key_env", "engine", *_LIMITS, *_PRICES)


def _resources(given: dict[str, Any], tell: Callable[[str], None]) -> Resources:
    """Take the resources out of the options."""
    limits = {name: value for name in _LIMITS if (value := given.pop(name)) is not None}
    limits["engine"] = {name: yaml.safe_load(value) for name, value in given.pop("engine")}
    own, agent = given.pop("base_url"), given.pop("agent_base_url")
    keys, agent_keys = given.pop("key_env"), given.pop("agent_key_env")
    prices = [given.pop(name) for name in _PRICES]
    return Resources(
        access=ModelAccess(base_urls=own, key_envs=keys, tell=tell, **limits),
        agent_access=ModelAccess(base_urls=agent, key_envs=agent_keys, tell=tell, **limits),
        max_calls=given.pop("max_calls"),
        prices=_prices(*prices),
        drop_incomplete=given.pop("drop_incomplete"),
    )


def _prices(read: float | None, written: float | None, *agent: float | None) -> Prices | None:
    if read is None and written is None:
        if any(price is not None for price in agent):
            raise InputError("--agent-price-in: give --price-in and --price-out too")
        return None
    users = (read or 0.0, written or 0.0)
    own = tuple(price if given is None else given for price, given in zip(users, agent, strict=True))
    return Prices(users, (own[0], own[1]))


def _sampled(given: dict[str, Any]) -> dict[str, Any]:
    """Put the sampling settings of each model together."""
    names = ("temperature", "top_p", "top_k", "max_tokens")
    sampling = {name: value for name in names if (value := given.pop(name)) is not None}
    agent = {name: yaml.safe_load(value) for name, value in given.pop("agent_sampling")}
    return {**given, "sampling": sampling, "agent_sampling": agent}


def _backend_of(model: str, access: ModelAccess) -> str:
    """Return the backend of a model: `openai` where a server is named, else that of its preset."""
    known = presets.preset(model)
    if access.base_urls and (known is None or known.backend == "vllm"):
        return "openai"
    if known is None:
        raise InputError(f"--model {model}: its backend is unknown. Name a server with --base-url, or a --backend")
    return known.backend


def _named(study: str | None) -> str:
    if study is None:
        raise InputError("which study? Name `example`, one of `confound simulate --list`, or the path of a study file")
    return study


def _study(study: str | None, out: Path, *, begun: bool) -> Study:
    """Load the study named, or that of the run in the folder if a run has begun there."""
    return load_study(study or (begun and source_of(out)) or _named(None))


def _report(study: Study, done: runs.Finished) -> str:
    lines = [f"Wrote {done.out / RESPONSES}: {done.answers:,} answers, {done.iterations} iterations."]
    if done.left_out:
        lines.append(f"Left out, because answers are missing: {len(done.left_out):,} personas ({MANIFEST} names them).")
    lines += done.notes
    if done.stopped is not None:
        lines.append(f"Stopped because {done.stopped}.")
    if done.truth is not None:
        lines += ["", f"The truth ({done.out / TRUTH}):", *_truth_lines(study, done.truth), ""]
    lines.append(f"Next: confound analyze {shlex.quote(str(done.out))} --control {shlex.quote(study.control)}")
    return "\n".join(lines)


def _truth_lines(study: Study, truth: Mapping[str, Any]) -> list[str]:
    lines = []
    for contrast in truth["contrasts"]:
        first, last = contrast["iterations"][0], contrast["iterations"][-1]
        for outcome, effect in first["effect"].items():
            parts = {name: f"{name.upper()} {value:+.3f}" for name, value in effect.items()}
            at_last = last["effect"][outcome]["observed"]
            lines += [
                f"  {contrast['contrast']}, {outcome}: observed {effect['observed']:+.3f}",
                f"    = {parts['cate']} + {parts['asb']}, the mean of {parts['sbt']} and {parts['sbc']}",
                f"    observed at the last iteration {at_last:+.3f}",
                (
                    f"    largest distance of a negative control {_largest(study, first):.3f}, at last "
                    f"{_largest(study, last):.3f}"
                ),
            ]
    return lines


def _largest(study: Study, level: Mapping[str, Any]) -> float:
    """Return the largest true distance of a negative control."""
    controls = [name for name, question in study.questions.items() if question.role == "negative_control"]
    return max((level["drift"][name]["tvd"] for name in controls), default=0.0)
