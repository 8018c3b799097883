"""The vllm backend without vLLM: what an engine would be given. `tests/vllm` holds it against a real one."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from confound.errors import ConfoundError, InputError
from simulate.backends.access import ModelAccess
from simulate.run.loop import simulate
from simulate.run.resources import Resources
from tests.simulate.fakes import small_study

if TYPE_CHECKING:
    from pathlib import Path

OFF = {"enable_thinking": False}
# Lin, Yun, Mataric, Canny, Gretton and D'Amour (2026), arXiv 2605.20767, Table 1: temperature, top-p, top-k.
TABLE_1 = {
    "openai/gpt-oss-20b": ((1.0, 1.0, 0), {"reasoning_effort": "low"}),
    "google/gemma-3-4b-it": ((1.0, 0.95, 64), None),
    "google/gemma-4-31B-it": ((1.0, 0.95, 64), OFF),
    "Qwen/Qwen3-30B-A3B": ((0.7, 0.8, 20), OFF),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": ((0.7, 0.8, 20), None),
}
NO_BARS = {"use_tqdm_on_load": False}
HARMONY = "<|channel|>analysis<|message|>A, or B?<|end|><|start|>assistant<|channel|>final<|message|>B"


class Recorder:
    """Stands in for `vllm.LLM`: keeps what it is given, and writes one text for every draw."""

    made: list[dict[str, Any]]
    asked: list[dict[str, Any]]
    text = "B"
    words: tuple[str, ...] = ()

    def __init__(self, **given: Any) -> None:
        self.made.append(given)
        config = SimpleNamespace(get_diff_sampling_param=lambda: {"min_p": 0.1})
        self.llm_engine = SimpleNamespace(model_config=config, has_unfinished_requests=lambda: False)

    def get_tokenizer(self) -> Any:
        """Return what knows the vocabulary."""
        return SimpleNamespace(get_vocab=lambda: dict.fromkeys(self.words, 0))

    def chat(self, messages: list[Any], *, sampling_params: list[Any], **given: Any) -> list[Any]:
        """Answer every conversation."""
        self.asked.append({"messages": messages, "sampling_params": sampling_params, **given})
        drawn = SimpleNamespace(text=self.text, finish_reason="stop", token_ids=[1, 2])
        return [SimpleNamespace(prompt_token_ids=[1] * 9, outputs=[drawn] * params.n) for params in sampling_params]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    """Put a package of that name in place, and take back what the backend tells it by the environment."""
    for name in ("VLLM_LOGGING_LEVEL", "TQDM_DISABLE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    package, sampling = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    kind = type("Recorder", (Recorder,), {"made": [], "asked": []})
    package.__spec__ = SimpleNamespace()  # type: ignore[assignment]
    for name, value in (("LLM", kind), ("SamplingParams", SimpleNamespace)):
        setattr(package, name, value)
    sampling.StructuredOutputsParams = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", package)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", sampling)
    return kind


def run(out: Path, model: str, *, engine: dict[str, Any] | None = None, **given: Any) -> pd.DataFrame:
    """Run one iteration of a small survey; return its table."""
    resources = Resources(access=ModelAccess(engine=engine or {}))
    simulate(small_study(), out, backend="vllm", model=model, resources=resources, iterations=1, **given)
    return pd.read_parquet(out / "responses.parquet")


def test_its_absence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vLLM the run is refused in a sentence, before there is a folder."""
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(InputError, match=r"pip install 'confound\[vllm\]'"):
        run(tmp_path / "run", "some/model")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", TABLE_1)
def test_presets_are_those_of_table_1(recorder: type[Recorder], tmp_path: Path, model: str) -> None:
    """Each model of Table 1 is sampled as there; thinking is off or low, by the chat template."""
    run(tmp_path / "run", model)
    assert recorder.made == [{"model": model, **NO_BARS}]
    [asked] = recorder.asked
    (temperature, top_p, top_k), told = TABLE_1[model]
    for params in asked["sampling_params"]:
        assert (params.temperature, params.top_p, params.top_k) == (temperature, top_p, top_k)
        assert params.max_tokens >= 512
        assert params.n == 4
        assert params.structured_outputs is None
        assert not hasattr(params, "reasoning_effort")
    assert asked["chat_template_kwargs"] == told


def test_engine_arguments_go_to_the_engine(recorder: type[Recorder], tmp_path: Path) -> None:
    """Whatever is given for the engine reaches `LLM` as it stands, and what the model's authors advise the sampler."""
    given = {"tensor_parallel_size": 2, "data_parallel_size": 3, "max_model_len": 4096}
    run(tmp_path / "run", "some/model", engine=given, choice=True)
    assert recorder.made == [{"model": "some/model", **NO_BARS, **given}]
    params = recorder.asked[0]["sampling_params"][0]
    assert (params.min_p, params.structured_outputs.choice) == (0.1, list("ABCDE"))


def test_the_log_is_shown_where_the_environment_asks_for_it(
    recorder: type[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default each engine's log and bars are kept off the terminal; with a level of the user's own none is."""
    run(tmp_path / "first", "some/model")
    assert (os.environ["VLLM_LOGGING_LEVEL"], os.environ["TQDM_DISABLE"]) == ("ERROR", "1")
    run(tmp_path / "second", "other/model")
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "INFO")
    run(tmp_path / "third", "third/model")
    assert [made.get("use_tqdm_on_load", True) for made in recorder.made] == [False, False, True]


def test_engine_that_does_not_start_says_what_to_try(
    recorder: type[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a GPU too full the engine's own process knows the reason; the message leads there, and to the mend."""

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("Engine core initialization failed. See root cause above.")

    monkeypatch.setattr(recorder, "__init__", full)
    with pytest.raises(ConfoundError, match=r"root cause above\. .* raise --engine gpu_memory_utilization or lower"):
        run(tmp_path / "run", "some/model")


def test_thinking_in_channels_is_stripped(recorder: type[Recorder], tmp_path: Path) -> None:
    """gpt-oss marks its answer by special tokens, which are asked for and understood."""
    recorder.text, recorder.words = HARMONY, ("<|channel|>",)
    frame = run(tmp_path / "run", "openai/gpt-oss-20b")
    assert not recorder.asked[0]["sampling_params"][0].skip_special_tokens
    second = {question.id: question.options[1] for question in small_study().questions.values()}
    assert (frame["response"] == frame["question"].map(second)).all()
    assert set(frame["text"]) == {HARMONY}
