"""A model small enough to be made at test time: two layers of random weights, a tokenizer trained on a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# One core, no other process, no network.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
# Small blocks, so that prompts of a few hundred tokens share their beginnings; and prompts in one piece: torch's
# generators on the CPU cannot be wound back, which vLLM does where a prompt with a seed is read in pieces.
ENGINE = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 1024,
    "max_num_seqs": 64,
    "block_size": 32,
    "enable_chunked_prefill": False,
    "disable_log_stats": False,
    # On a GPU: up to three engines share it, of which each would take nine tenths.
    "gpu_memory_utilization": 0.1,
}
SERVER = (
    *("--dtype", "float32", "--enforce-eager", "--max-model-len", "1024", "--max-num-seqs", "64"),
    *("--block-size", "32", "--no-enable-chunked-prefill", "--gpu-memory-utilization", "0.1"),
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def make_model(folder: Path, texts: Iterable[str], *, seed: int = 0) -> Path:
    """Write a Qwen2 of two layers with random weights, and its tokenizer.

    Parameters
    ----------
    folder : Path
    texts : iterable of str
        What the tokenizer is trained on.
    seed : int
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=list(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",  # noqa: S106 -- no password
        pad_token="<|endoftext|>",  # noqa: S106 -- no password
        chat_template=TEMPLATE,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(fast),
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            tie_word_embeddings=False,
            eos_token_id=fast.eos_token_id,
            bos_token_id=None,
            # Wide enough for some answers to be likelier than others.
            initializer_range=0.15,
        )
    )
    model.to(torch.float32).save_pretrained(folder)
    return folder
