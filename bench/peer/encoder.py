"""The encoder and the adapters that both sides of the benchmark run, the same weights for the same seed."""

import argparse
import math

import torch
from adapters import SeqBnConfig, XLMRobertaAdapterModel
from adapters.composition import Stack
from transformers import XLMRobertaConfig

LANGUAGE, TASK = "lang", "task"


def configuration(options: argparse.Namespace, dropout: float = 0.0) -> XLMRobertaConfig:
    return XLMRobertaConfig(
        vocab_size=options.vocab,
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=max(1, options.hidden // 64),
        intermediate_size=4 * options.hidden,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )


def madx_model(options: argparse.Namespace, dropout: float = 0.0) -> XLMRobertaAdapterModel:
    """XLM-R with a language adapter (reduction factor 2), a task adapter (16) and a tagging head, all random."""
    torch.manual_seed(options.seed)
    model = XLMRobertaAdapterModel(configuration(options, dropout))
    _randomize(model.roberta)
    model.add_adapter(LANGUAGE, SeqBnConfig(reduction_factor=2))
    model.add_adapter(TASK, SeqBnConfig(reduction_factor=16))
    model.add_tagging_head(TASK, num_labels=options.labels)
    return model


def _randomize(model: torch.nn.Module) -> None:
    """Weights of a trained encoder's size, so that activations neither vanish nor saturate."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" in name:
                continue
            scale = 0.05 if parameter.dim() == 1 or "embeddings" in name else 1 / math.sqrt(parameter.shape[-1])
            parameter.normal_(0, scale)


def stack() -> Stack:
    return Stack(LANGUAGE, TASK)
