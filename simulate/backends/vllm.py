"""The vllm backend: a model inside this process, by `vllm.LLM.chat`."""

from __future__ import annotations

import itertools
import json
import os
import warnings
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from confound.errors import InputError
from simulate.backends.access import need
from simulate.backends.protocol import Reply, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from simulate.backends.access import ModelAccess
    from simulate.backends.limits import Budget
    from simulate.backends.protocol import Request
    from simulate.study.profile import Profile

# `chat` returns when its last answer is done, and towards the end the engine is partly idle. It works on 256 answers
# at once, on 1,024 on a large GPU. Eight times that keeps it busy most of the time; one turn of the paper's 6,000
# dialogues is one chunk, and a crash costs minutes.
CHUNK = 8192
# vLLM's own default, 16, cuts answers off.
MAX_TOKENS = 512
# Settings that the chat template is given, not the sampler.
TEMPLATE_SETTINGS = ("reasoning_effort", "chat_template_kwargs")
# gpt-oss marks the end of its thinking by special tokens, which the engine would otherwise drop from the text.
CHANNEL = "<|channel|>"
# Finish reasons of generation that failed.
FAILED = ("abort", "error")
LONGEST = 400
# The level of vLLM's log at which it reports errors only.
QUIET = "ERROR"

# Engines that run: where a study's users and its agent are the same model, they share one engine and its weights.
_RUNNING: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


class _Call(NamedTuple):
    """One conversation to be sent: trials of a request whose seeds follow each other."""

    request: Request
    trials: tuple[int, ...]
    seed: int


class VllmModel:
    """Answers with a model that vLLM runs in this process, on the devices that it finds.

    Trials that share a prompt are drawn by one call. vLLM gives the k-th of its `n` draws the seed `seed + k`, and the
    seeds of such trials follow each other in the same way. A draw is therefore the same whichever others are drawn with
    it, unless the engine's arithmetic depends on what else it computes at the same time.

    Parameters
    ----------
    access : ModelAccess
        `model` is a name or a folder; `engine` goes to `vllm.LLM` as it is.
    budget : Budget
        Calls for a request beyond its first are taken from it.
    chunk : int
        Answers asked for at a time, 1 or more. They are passed on when all are there.
    """

    name = "vllm"
    chats = True
    sampling_settings = frozenset(
        (
            *("temperature", "top_p", "top_k", "min_p", "max_tokens"),
            *("presence_penalty", "frequency_penalty", "repetition_penalty"),
            *TEMPLATE_SETTINGS,
        )
    )

    def __init__(self, access: ModelAccess, budget: Budget, *, chunk: int = CHUNK) -> None:
        self.model = str(access.model)
        self._draws = access.draws
        self._engine_options = dict(access.engine)
        self._budget = budget
        self._chunk = chunk
        self._engine: Any = None
        self._defaults: dict[str, Any] = {}

    def start(self) -> Any:
        """Return vLLM's engine, a `vllm.LLM`, which is started on the first call.

        Raises
        ------
        InputError
            When vLLM is missing, or does not know the model or an argument.
        Stopped
            When the engine cannot run here.
        """
        if self._engine is None:
            self._engine = _engine(self.model, self._engine_options)
            # Where no setting is given the recommendation of the model's authors holds, as on a vLLM server.
            self._defaults = self._engine.llm_engine.model_config.get_diff_sampling_param()
            if CHANNEL in self._engine.get_tokenizer().get_vocab():
                self._defaults["skip_special_tokens"] = False
        return self._engine

    def ready(self) -> None:
        """Raise `InputError` when vLLM is missing."""
        need("vllm", self.name)

    def truth(self, profiles: Sequence[Sequence[Profile]]) -> None:  # noqa: ARG002 -- of the protocol
        """Return None: the truth about a language model's answers is unknown."""
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
        """Return the engine's output of each call, or a string that says why there is none.

        One conversation that the engine does not accept, such as one that is too long, makes it refuse all of them.
        That conversation is found by halving.
        """
        engine = self.start()
        # Requests of an interrupted run are finished first: `chat` would return them too.
        while engine.llm_engine.has_unfinished_requests():
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
        """Return the `SamplingParams` for some trials of a request; the first of them has this seed."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        given = {name: value for name, value in request.sampling.items() if name not in TEMPLATE_SETTINGS}
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
    """Split calls into lists of about `size` draws, in order, so that calls with a common prefix stay together."""
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
    """Return the settings of the chat template, such as whether to think."""
    own, kwargs = TEMPLATE_SETTINGS
    given = {own: sampling[own]} if own in sampling else {}
    return given | dict(sampling.get(kwargs, {}))


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
    """Return the engine with these options: the one that already runs, if there is one."""
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
            f"--backend vllm --model {model}: the engine does not start: {_told(error)}. Its messages above may "
            "say why; VLLM_LOGGING_LEVEL=INFO in the environment shows all of them. If memory is short, raise "
            "--engine gpu_memory_utilization or lower --engine max_model_len"
        ) from error


def _quiet(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keep vLLM's log off the terminal, which shows the progress of the run, unless the environment asks for the log.

    It has dozens of lines at each start, some of them as long as a screen, and on a GPU progress bars.
    """
    if os.environ.setdefault("VLLM_LOGGING_LEVEL", QUIET) != QUIET:
        return dict(options)
    # For the bars that `use_tqdm_on_load` leaves; tqdm reads the variable when vLLM imports it.
    os.environ.setdefault("TQDM_DISABLE", "1")
    return {"use_tqdm_on_load": False, **options}


def _refuses(error: Exception) -> bool:
    """Tell whether an error is about what was asked, not about the engine; its class depends on vLLM's version."""
    return isinstance(error, ValueError) or "VLLMClientError" in {kind.__name__ for kind in type(error).__mro__}


def _told(error: Exception) -> str:
    """Return an error's text on one line, cut to `LONGEST` characters and without a full stop at the end."""
    text = " ".join(str(error).split()).removesuffix(".") or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
