"""The vllm backend: a model inside this process, by `vllm.LLM.chat`."""

from __future__ import annotations

import itertools
import json
import os
import warnings
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from confound.errors import InputError
from simulate.backends.protocol import Reply, Stopped, need

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Options, Request
    from simulate.run.adjust import Profile

# `chat` returns when its last answer is done, and towards its end the engine runs half empty. It works on 256 answers
# at once, on 1,024 on a large GPU: eight times that keeps it full most of the time, one turn of the paper's 6,000
# dialogues goes in one piece, and a crash costs minutes.
CHUNK = 8192
# Its own default, 16, cuts answers off.
MAX_TOKENS = 512
# Sampling settings that the chat template is told, not the sampler.
TEMPLATE = ("reasoning_effort",)
# gpt-oss marks where its thinking ends by special tokens, which are else left out of what it says.
CHANNEL = "<|channel|>"
# How the engine ends an answer that is none.
FAILED = ("abort", "error")
LONGEST = 400
# The level of vLLM's log at which only what went wrong is told.
QUIET = "ERROR"

# Engines that run: a study's users and its agent can be the same model, whose weights need no second place.
_RUNNING: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


class _Call(NamedTuple):
    """One conversation to be sent: trials of a request whose seeds follow each other."""

    request: Request
    trials: tuple[int, ...]
    seed: int


class VllmModel:
    """Answers with a model that vLLM runs in this process, on the devices that it finds.

    Trials that share a prompt are drawn by one call: vLLM gives the k-th of its `n` draws the seed `seed + k`, which is
    how the seeds of such trials follow each other. Each draw is therefore the same whichever others are drawn with it,
    as far as the engine's arithmetic does not depend on what it computes at the same time.

    Parameters
    ----------
    options : Options
        `model` is a name or a folder; `engine` goes to `vllm.LLM` as it stands.
    budget : Budget
        Where one request takes more than one call, the others are taken from it.
    chunk : int
        Answers asked for at a time, 1 or more; they are handed on when all have come.
    """

    name = "vllm"
    chats = True

    def __init__(self, options: Options, budget: Budget, *, chunk: int = CHUNK) -> None:
        self.model = str(options.model)
        self._draws = options.draws
        self._engine_options = dict(options.engine)
        self._budget = budget
        self._chunk = chunk
        self._engine: Any = None
        self._defaults: dict[str, Any] = {}

    def start(self) -> Any:
        """Return the engine of vLLM, a `vllm.LLM`, started on the first use.

        Raises
        ------
        InputError
            When vLLM is missing, or knows no such model or argument.
        Stopped
            When it cannot run it here.
        """
        if self._engine is None:
            self._engine = _engine(self.model, self._engine_options)
            # What the model's authors recommend holds where nothing else is said, as on a vLLM server.
            self._defaults = self._engine.llm_engine.model_config.get_diff_sampling_param()
            if CHANNEL in self._engine.get_tokenizer().get_vocab():
                self._defaults["skip_special_tokens"] = False
        return self._engine

    def ready(self) -> None:
        """Raise `InputError` where vLLM is missing."""
        need("vllm", self.name)

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> None:  # noqa: ARG002 -- of the protocol
        """Nobody knows it."""
        return

    def answer(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield the replies, a chunk at a time.

        Raises
        ------
        InputError
            When vLLM is missing, or does not know a setting.
        Stopped
            When the engine does not start, or breaks down.
        """
        for chunk in _chunks(self._calls(requests), self._chunk):
            for _, alike in itertools.groupby(chunk, key=lambda call: _template_settings(call.request.sampling)):
                yield from self._replies(list(alike))

    def _calls(self, requests: Iterable[Request]) -> Iterator[_Call]:
        for request in requests:
            first = True
            for trials, seed in request.runs(self._draws):
                if first or self._budget.take():
                    yield _Call(request, trials, seed)
                first = False

    def _replies(self, calls: list[_Call]) -> Iterator[Reply]:
        for call, output in zip(calls, self._outputs(calls), strict=True):
            if isinstance(output, str):
                yield from _failed(call, output)
            else:
                yield from _answered(call, output)

    def _outputs(self, calls: list[_Call]) -> list[Any]:
        """Return the engine's output of each call, or as a string why there is none.

        One conversation that the engine will not take, such as one that is too long, makes it refuse them all: it is
        found by halving.
        """
        engine = self.start()
        while (
            engine.llm_engine.has_unfinished_requests()
        ):  # of a run that was interrupted: `chat` would return them too
            engine.llm_engine.step()
        sampling = [self.sampling(*call) for call in calls]
        settings = _template_settings(calls[0].request.sampling)
        messages = [call.request.messages for call in calls]
        try:
            return list(
                engine.chat(messages, sampling_params=sampling, use_tqdm=False, chat_template_kwargs=settings or None)
            )
        except Exception as error:
            if not _refuses(error):
                raise Stopped(f"--backend vllm: the engine broke down: {_told(error)}") from error
            if len(calls) == 1:
                return [f"vllm refused it: {_told(error)}"]
        half = len(calls) // 2
        return self._outputs(calls[:half]) + self._outputs(calls[half:])

    def sampling(self, request: Request, trials: Sequence[int], seed: int) -> Any:
        """Return the `SamplingParams` that draw for some trials of a request, the first of them with this seed."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        told = (*TEMPLATE, "chat_template_kwargs")
        given = {name: value for name, value in request.sampling.items() if name not in told}
        try:
            return SamplingParams(
                **{"max_tokens": MAX_TOKENS, **self._defaults, **given},
                n=len(trials),
                seed=seed,
                structured_outputs=StructuredOutputsParams(choice=list(request.choices)) if request.choices else None,
            )
        except Exception as error:
            raise InputError(f"--backend vllm: sampling {given}: {_told(error)}") from error


def _chunks(calls: Iterable[_Call], size: int) -> Iterator[list[_Call]]:
    """Split calls into lists of about `size` draws, in their order: what shares a prefix stays together."""
    chunk: list[_Call] = []
    drawn = 0
    for call in calls:
        chunk.append(call)
        drawn += len(call.trials)
        if drawn >= size:
            yield chunk
            chunk, drawn = [], 0
    if chunk:
        yield chunk


def _template_settings(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the chat template is told, such as whether to think."""
    told = {name: sampling[name] for name in TEMPLATE if name in sampling}
    return told | dict(sampling.get("chat_template_kwargs", {}))


def _answered(call: _Call, output: Any) -> Iterator[Reply]:
    # The prompt is read once, and counts once.
    read = len(output.prompt_token_ids or ())
    for place, (trial, drawn) in enumerate(zip(call.trials, output.outputs, strict=True)):
        failed = drawn.finish_reason in FAILED
        yield Reply(
            call.request,
            trial,
            text=None if failed else drawn.text,
            failure=f"vllm: {drawn.finish_reason}" if failed else None,
            finish=drawn.finish_reason,
            tokens=(0 if place else read, len(drawn.token_ids)),
            calls=int(not place),
        )


def _failed(call: _Call, reason: str) -> Iterator[Reply]:
    for place, trial in enumerate(call.trials):
        yield Reply(call.request, trial, failure=reason, calls=int(not place))


def _engine(model: str, options: Mapping[str, Any]) -> Any:
    """Return an engine, one that runs already if it is the same."""
    key = json.dumps([model, dict(options)], sort_keys=True, default=str)
    engine = _RUNNING.get(key)
    if engine is None:
        engine = _RUNNING[key] = _started(model, options)
    return engine


def _started(model: str, options: Mapping[str, Any]) -> Any:
    need("vllm", VllmModel.name)
    options = _quiet(options)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from vllm import LLM

            return LLM(model=model, **options)
    except (TypeError, ValueError, OSError) as error:
        raise InputError(f"--backend vllm --model {model}: {_told(error)}") from error
    except Exception as error:
        raise Stopped(
            f"--backend vllm --model {model}: the engine does not start: {_told(error)}. Its own words above may "
            "say why; VLLM_LOGGING_LEVEL=INFO in the environment shows all of them. Where memory is short, raise "
            "--engine gpu_memory_utilization or lower --engine max_model_len"
        ) from error


def _quiet(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keep vLLM's log off the terminal that shows how far the run is, where the environment does not ask for it.

    It is dozens of lines a start, some of them a screen long, and on a GPU bars of how far loading and capturing are.
    """
    if os.environ.setdefault("VLLM_LOGGING_LEVEL", QUIET) != QUIET:
        return dict(options)
    # For the bars that `use_tqdm_on_load` does not reach; tqdm reads it when it is imported, which vLLM does.
    os.environ.setdefault("TQDM_DISABLE", "1")
    return {"use_tqdm_on_load": False, **options}


def _refuses(error: Exception) -> bool:
    """Tell whether an error is about what was asked, not about the engine; its class depends on vLLM's version."""
    return isinstance(error, ValueError) or "VLLMClientError" in {kind.__name__ for kind in type(error).__mro__}


def _told(error: Exception) -> str:
    """Return what an error says, in one line of bearable length, without the point at its end."""
    text = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
