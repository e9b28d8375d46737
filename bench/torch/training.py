# Copyright 2026 the swagpu authors. MIT license.
"""Training steps of the models of bench/peers/data.ts."""

import math

import torch
import torch.nn.functional as F

from data import drawn, probe, random_integers
from kernels import adamw


class Training:
    """Steps of AdamW over a loss; the outputs are the first five losses."""

    def __init__(self, context, parameters, loss):
        self.optimizer = adamw(parameters)
        self.loss = context.compile(loss)

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        value = self.loss()
        value.backward()
        self.optimizer.step()
        return value

    def outputs(self):
        return [self.run().item() for _ in range(5)]


def weight(shape, seed, device):
    return drawn(shape, seed, device, 0.1).requires_grad_()


def constant(length, value, device):
    return torch.full((length,), float(value), device=device).requires_grad_()


def mlp_step(context, batch, inputs, hidden, outputs):
    device = context.device
    x = drawn((batch, inputs), 21, device)
    labels = random_integers(batch, outputs, 22).to(device)
    w1 = weight((inputs, hidden), 11, device)
    b1 = constant(hidden, 0, device)
    w2 = weight((hidden, outputs), 12, device)
    b2 = constant(outputs, 0, device)

    def loss():
        scores = F.relu(x @ w1 + b1) @ w2 + b2
        return F.cross_entropy(scores, labels)

    return Training(context, [w1, b1, w2, b2], loss)


class Encoder:
    """The small encoder: blocks that normalize last, scores per token."""

    def __init__(
        self, context, layers, hidden, heads, length, batch, vocabulary, inner
    ):
        device = context.device
        self.layers, self.hidden, self.heads = layers, hidden, heads
        self.batch, self.length = batch, length
        p = {
            "tok": weight((vocabulary, hidden), 31, device),
            "pos": weight((length, hidden), 32, device),
            "lng": constant(hidden, 1, device),
            "lnb": constant(hidden, 0, device),
        }
        for layer in range(layers):
            seed, at = 40 + layer * 10, f"l{layer}_"
            for i, name in enumerate("qkvo"):
                p[f"{at}w{name}"] = weight((hidden, hidden), seed + i, device)
                p[f"{at}b{name}"] = constant(hidden, 0, device)
            p[f"{at}w1"] = weight((hidden, inner), seed + 5, device)
            p[f"{at}b1"] = constant(inner, 0, device)
            p[f"{at}w2"] = weight((inner, hidden), seed + 6, device)
            p[f"{at}b2"] = constant(hidden, 0, device)
            for norm in ("n1", "n2"):
                p[f"{at}{norm}g"] = constant(hidden, 1, device)
                p[f"{at}{norm}b"] = constant(hidden, 0, device)
        p["wh"] = weight((hidden, vocabulary), 33, device)
        p["bh"] = constant(vocabulary, 0, device)
        self.parameters = p
        count = batch * length
        self.ids = random_integers(count, vocabulary, 34)
        self.ids = self.ids.reshape(batch, length).to(device)
        self.labels = random_integers(count, vocabulary, 35).to(device)

    def norm(self, x, name):
        p = self.parameters
        shape = (self.hidden,)
        return F.layer_norm(x, shape, p[f"{name}g"], p[f"{name}b"], 1e-5)

    def scores(self):
        p = self.parameters
        size = self.hidden // self.heads
        x = self.norm(p["tok"][self.ids] + p["pos"], "ln")
        for layer in range(self.layers):
            at = f"l{layer}_"

            def linear(x, name):
                return x @ p[f"{at}w{name}"] + p[f"{at}b{name}"]

            def project(name):
                y = linear(x, name)
                shape = (self.batch, self.length, self.heads, size)
                return y.reshape(shape).transpose(1, 2)

            q, k, v = project("q"), project("k"), project("v")
            if hasattr(F, "scaled_dot_product_attention"):
                seen = F.scaled_dot_product_attention(q, k, v)
            else:
                products = q @ k.transpose(-1, -2) / math.sqrt(size)
                seen = torch.softmax(products, -1) @ v
            joined = seen.transpose(1, 2)
            joined = joined.reshape(self.batch, self.length, self.hidden)
            x = self.norm(x + linear(joined, "o"), f"{at}n1")
            x = self.norm(x + linear(F.gelu(linear(x, "1")), "2"), f"{at}n2")
        return x @ p["wh"] + p["bh"]

    def loss(self):
        scores = self.scores()
        scores = scores.reshape(-1, scores.shape[-1])
        return F.cross_entropy(scores, self.labels)


def encoder_step(context, **sizes):
    encoder = Encoder(context, **sizes)
    parameters = list(encoder.parameters.values())
    return Training(context, parameters, encoder.loss)


class EncoderForward:
    """Scores without gradients."""

    def __init__(self, context, **sizes):
        self.scores = context.compile(Encoder(context, **sizes).scores)

    def run(self):
        with torch.no_grad():
            return self.scores()

    def outputs(self):
        return probe(self.run())


TRAINING_KINDS = {
    "mlpStep": mlp_step,
    "encoderStep": encoder_step,
    "encoderForward": EncoderForward,
}
