"""Writes adamw.json: parameters and gradients, and the parameters after each of a few steps of torch.optim.AdamW (pip install torch)."""

import json
from pathlib import Path

import torch

torch.manual_seed(0)
matrix = torch.nn.Parameter(torch.randn(3, 4))
bias = torch.nn.Parameter(torch.randn(4))
optimizer = torch.optim.AdamW(
    [{"params": [matrix], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}],
    lr=0.05,
)


def flat(tensor):
    return [round(float(value), 9) for value in tensor.detach().flatten()]


fixture = {"learningRate": 0.05, "weightDecay": 0.1, "start": [flat(matrix), flat(bias)], "steps": []}
for step in range(6):
    matrix.grad, bias.grad = torch.randn(3, 4) * 10 ** (step - 3), torch.randn(4)
    gradients = [flat(matrix.grad), flat(bias.grad)]
    optimizer.step()
    fixture["steps"].append({"gradients": gradients, "after": [flat(matrix), flat(bias)]})
Path(__file__).with_name("adamw.json").write_text(json.dumps(fixture, separators=(",", ":")) + "\n")
