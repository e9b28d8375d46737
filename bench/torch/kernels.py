# Copyright 2026 the swagpu authors. MIT license.
"""Single operations."""

import math

import torch
import torch.nn.functional as F

from data import drawn, probe, random_integers


class Operation:
    """A function of tensors that are kept."""

    def __init__(self, run, order=lambda y: y, note=None):
        self.function = run
        self.order = order
        self.note = note

    def run(self):
        with torch.no_grad():
            self.function()

    def outputs(self):
        with torch.no_grad():
            return probe(self.order(self.function()))


class Differentiated(Operation):
    """The same with a backward pass inside."""

    def run(self):
        self.function()

    def outputs(self):
        return probe(self.order(self.function()))


def matmul(context, m, k, n, transposeA, transposeB):
    a = drawn((k, m) if transposeA else (m, k), 1, context.device)
    b = drawn((n, k) if transposeB else (k, n), 2, context.device)
    left = a.t() if transposeA else a
    right = b.t() if transposeB else b
    return Operation(context.compile(lambda: torch.mm(left, right)))


def _heads(context, batch, heads, length, size):
    """q, k and v as [batch, heads, length, size]."""
    return [
        drawn((batch, length, heads, size), seed, context.device)
        .transpose(1, 2)
        .contiguous()
        for seed in (1, 2, 3)
    ]


def _back(y):
    return y.transpose(1, 2)


def composed(q, k, v):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, -1) @ v


def attention(context, **sizes):
    q, k, v = _heads(context, **sizes)
    function = context.compile(composed)
    return Operation(lambda: function(q, k, v), _back, "mm, softmax, mm")


def fused(q, k, v):
    if not hasattr(F, "scaled_dot_product_attention"):
        raise RuntimeError("has no fused attention")
    return F.scaled_dot_product_attention(q, k, v)


def fused_attention(context, **sizes):
    q, k, v = _heads(context, **sizes)
    function = context.compile(fused)
    return Operation(
        lambda: function(q, k, v), _back, "scaled_dot_product_attention"
    )


def attention_backward(context, batch, heads, length, size):
    q, k, v = _heads(context, batch, heads, length, size)
    gradient = drawn((batch, length, heads, size), 10, context.device)
    gradient = gradient.transpose(1, 2).contiguous()
    has_fused = hasattr(F, "scaled_dot_product_attention")
    function = context.compile(fused if has_fused else composed)
    for x in (q, k, v):
        x.requires_grad_()

    def run():
        for x in (q, k, v):
            x.grad = None
        function(q, k, v).backward(gradient)
        return q.grad

    note = "scaled_dot_product_attention" if has_fused else "mm, softmax, mm"
    return Differentiated(run, _back, note)


def layer_norm(context, rows, columns):
    x = drawn((rows, columns), 4, context.device)
    weight = torch.ones(columns, device=context.device)
    bias = torch.zeros(columns, device=context.device)
    return Operation(
        context.compile(lambda: F.layer_norm(x, (columns,), weight, bias))
    )


def softmax(context, rows, columns):
    x = drawn((rows, columns), 9, context.device)
    return Operation(context.compile(lambda: torch.softmax(x, -1)))


def cross_entropy(context, rows, columns):
    x = drawn((rows, columns), 9, context.device).requires_grad_()
    labels = random_integers(rows, columns, 35).to(context.device)
    loss = context.compile(lambda x: F.cross_entropy(x, labels))

    def run():
        x.grad = None
        loss(x).backward()
        return x.grad

    return Differentiated(run)


def gelu(context, length):
    x = drawn((length,), 5, context.device)
    return Operation(context.compile(lambda: F.gelu(x)))


def add(context, length):
    a = drawn((length,), 5, context.device)
    b = drawn((length,), 6, context.device)
    return Operation(context.compile(lambda: a + b))


def chain(context, links, length):
    a = drawn((length,), 7, context.device)
    b = drawn((length,), 8, context.device)

    def run():
        x = a
        for _ in range(links):
            x = x + b
        return x

    # A compiler would make one kernel of it; links are meant to be ops.
    return Operation(run, note="eager")


class AdamW:
    """The optimizer's update of one flat vector."""

    def __init__(self, context, length):
        self.weight = drawn((length,), 5, context.device).requires_grad_()
        self.weight.grad = drawn((length,), 6, context.device)
        # The fused kernel is CUDA's alone in older versions.
        fused = {"fused": True} if context.device == "cuda" else {}
        self.optimizer = adamw([self.weight], **fused)
        self.note = "fused" if fused else None

    def run(self):
        self.optimizer.step()

    def outputs(self):
        self.run()
        return probe(self.weight)


def adamw(parameters, **options):
    """AdamW as every peer has it."""
    return torch.optim.AdamW(
        parameters,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0.01,
        **options,
    )


KERNEL_KINDS = {
    "matmul": matmul,
    "attention": attention,
    "fusedAttention": fused_attention,
    "attentionBackward": attention_backward,
    "layerNorm": layer_norm,
    "softmax": softmax,
    "crossEntropy": cross_entropy,
    "gelu": gelu,
    "add": add,
    "chain": chain,
    "adamw": AdamW,
}
