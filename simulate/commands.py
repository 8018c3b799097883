"""What `confound simulate` does, one function a use: arguments as they were typed in, text for the terminal out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from confound.errors import InputError
from simulate import example
from simulate import preview as previews
from simulate import run as runs
from simulate.folder import source_of
from simulate.study import Study, list_studies, load_study, study_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def listing() -> str:
    """Return the studies that come with confound, one a line."""
    studies = ((example.NAME, example.example_study().title), *list_studies())
    width = max(len(name) for name, _ in studies)
    return "\n".join(f"{name:{width}}  {title}" for name, title in studies)


def text(study: str | None) -> str:
    """Return the file of a study."""
    return study_text(_place(_named(study)))


def preview(study: str | None, *, seed: int | None, **sizes: int | None) -> str:
    """Return every kind of prompt once, and what a run would take."""
    loaded = load_study(_place(_named(study)))
    return f"{previews.show_prompts(loaded, seed=seed or 0)}\n\n{previews.plan(loaded, **sizes).text()}"


def run(study: str | None, out: Path, *, resume: bool, progress: Callable[[int, int], None], **given: Any) -> str:
    """Run a study or a shard of it, or go on with it; return what to say at the end."""
    loaded = _study(study, out, begun=resume)
    done = runs.simulate(loaded, out, resume=resume, progress=progress, **given)
    if given["shard"] is not None:
        again = shlex.join(["confound", "simulate", study or loaded.source, "--out", str(out), "--merge"])
        return f"{done.out}: {done.answers:,} answers are on disk. When all shards are done: {again}"
    return _report(loaded, done)


def merge(study: str | None, out: Path) -> str:
    """Join shards; return what to say at the end."""
    loaded = _study(study, out, begun=True)
    return _report(loaded, runs.merge(loaded, out))


def resume_command(study: str | None, out: Path, shard: str | None) -> str:
    """Return the command that goes on with a run."""
    parts = ["confound", "simulate", *([study] if study else []), "--out", str(out)]
    return shlex.join([*parts, *(["--shard", shard] if shard else []), "--resume"])


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
