"""What `confound simulate` does, one function a use: arguments as they were typed in, text for the terminal out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from confound.errors import InputError
from simulate import example
from simulate.backends import presets
from simulate.backends.protocol import Options, Stopped
from simulate.run import loop as runs
from simulate.run.folder import source_of
from simulate.run.manifest import MANIFEST
from simulate.study import preview as previews
from simulate.study.definition import Study, list_studies, load_study, study_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def listing() -> str:
    """Return the studies that come with confound, one a line."""
    studies = ((example.NAME, example.example_study().title), *list_studies())
    width = max(len(name) for name, _ in studies)
    return "\n".join(f"{name:{width}}  {title}" for name, title in studies)


def models() -> str:
    """Return the models with known settings, one a line."""
    return presets.listing()


def text(study: str | None) -> str:
    """Return the file of a study."""
    return study_text(_place(_named(study)))


def preview(study: str | None, *, seed: int | None, **sizes: int | None) -> str:
    """Return every kind of prompt once, and what a run would take."""
    loaded = load_study(_place(_named(study)))
    return f"{previews.show_prompts(loaded, seed=seed or 0)}\n\n{previews.plan(loaded, **sizes).text()}"


def run(study: str | None, out: Path, *, resume: bool, progress: Callable[[int, int], None], **given: Any) -> str:
    """Run a study or a shard of it, or go on with it; return what to say at the end."""
    again = resume_command(study, out, given)
    means = _means(given)
    if given["model"] is not None and given["backend"] is None:
        given["backend"] = _backend_of(given["model"], means.options)
    loaded = _study(study, out, begun=resume)
    try:
        done = runs.simulate(loaded, out, resume=resume, means=means, progress=progress, **_sampled(given))
    except (runs.Incomplete, Stopped) as error:
        raise type(error)(f"{error}. Go on with: {again}") from error
    if given["shard"] is not None:
        again = shlex.join(["confound", "simulate", study or loaded.source, "--out", str(out), "--merge"])
        return f"{done.out}: {done.answers:,} answers are on disk. When all shards are done: {again}"
    return _report(loaded, done)


def merge(study: str | None, out: Path, *, drop_incomplete: bool = False) -> str:
    """Join shards; return what to say at the end."""
    loaded = _study(study, out, begun=True)
    return _report(loaded, runs.merge(loaded, out, drop_incomplete=drop_incomplete))


def resume_command(study: str | None, out: Path, given: Mapping[str, Any]) -> str:
    """Return the command that goes on with a run: settings are in its folder, how to reach the models is not."""
    parts = ["confound", "simulate", *([study] if study else []), "--out", str(out)]
    for name in ("shard", *_REACHING):
        values = given.get(name) or ()
        for value in values if isinstance(values, tuple) else (values,):
            parts += [f"--{name.replace('_', '-')}", "=".join(value) if isinstance(value, tuple) else f"{value}"]
    return shlex.join([*parts, "--resume"])


_LIMITS = ("concurrency", "rpm", "tpm", "timeout", "attempts")
_PRICES = ("price_in", "price_out", "agent_price_in", "agent_price_out")
_REACHING = ("base_url", "agent_base_url", "engine", *_LIMITS, *_PRICES)


def _means(given: dict[str, Any]) -> runs.Means:
    """Take out of the options those that say how to reach the models."""
    limits = {name: value for name in _LIMITS if (value := given.pop(name)) is not None}
    limits["engine"] = {name: yaml.safe_load(value) for name, value in given.pop("engine")}
    own, agent = given.pop("base_url"), given.pop("agent_base_url")
    prices = [given.pop(name) for name in _PRICES]
    return runs.Means(
        options=Options(base_urls=own, **limits),
        agent_options=Options(base_urls=agent, **limits),
        max_calls=given.pop("max_calls"),
        prices=_prices(*prices),
        drop_incomplete=given.pop("drop_incomplete"),
    )


def _prices(read: float | None, written: float | None, *agent: float | None) -> runs.Prices | None:
    if read is None and written is None:
        if any(price is not None for price in agent):
            raise InputError("--agent-price-in: give --price-in and --price-out too")
        return None
    users = (read or 0.0, written or 0.0)
    own = tuple(price if given is None else given for price, given in zip(users, agent, strict=True))
    return runs.Prices(users, (own[0], own[1]))


def _sampled(given: dict[str, Any]) -> dict[str, Any]:
    """Gather the settings of the models."""
    names = ("temperature", "top_p", "top_k", "max_tokens")
    sampling = {name: value for name in names if (value := given.pop(name)) is not None}
    agent = {name: yaml.safe_load(value) for name, value in given.pop("agent_sampling")}
    return {**given, "sampling": sampling, "agent_sampling": agent}


def _backend_of(model: str, options: Options) -> str:
    """Return the backend that a model is meant for: a server where one is named, else that of its preset."""
    known = presets.preset(model)
    if options.base_urls and (known is None or known.backend == "vllm"):
        return "openai"
    if known is None:
        raise InputError(f"--model {model}: what serves it? Name a server with --base-url, or a --backend")
    return known.backend


def _named(study: str | None) -> str:
    if study is None:
        raise InputError("which study? Name `example`, one of `confound simulate --list`, or the path of a study file")
    return study


def _place(study: str) -> str | Path:
    return example.EXAMPLE if study == example.NAME else study


def _study(study: str | None, out: Path, *, begun: bool) -> Study:
    """Load the study named, or that of the run in the folder."""
    return load_study(_place(study or (begun and source_of(out)) or _named(None)))


def _report(study: Study, done: runs.Finished) -> str:
    lines = [f"Wrote {done.out / runs.RESPONSES}: {done.answers:,} answers, {done.iterations} iterations."]
    if done.left_out:
        lines.append(f"Left out, because answers are missing: {len(done.left_out):,} personas ({MANIFEST} names them).")
    if done.stopped is not None:
        lines.append(f"Stopped because {done.stopped}.")
    if done.truth is not None:
        lines += ["", f"The truth ({done.out / runs.TRUTH}):", *_truth_lines(study, done.truth), ""]
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
