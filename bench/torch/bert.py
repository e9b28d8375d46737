# Copyright 2026 the swagpu authors. MIT license.
"""BERT of any size in plain PyTorch, and SWAG over it.

Names and first weights are those of bench/peers/swagpu_bert.ts, so that losses
can be compared.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from data import drawn, probe, random_integers
from swag import FlatSwag, PerParameterSwag
from training import Training


class Norm(nn.LayerNorm):
    def __init__(self, hidden):
        super().__init__(hidden, eps=1e-12)


class Embeddings(nn.Module):
    def __init__(self, hidden, vocabulary, positions):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, hidden, padding_idx=0)
        self.position_embeddings = nn.Embedding(positions, hidden)
        self.token_type_embeddings = nn.Embedding(2, hidden)
        self.LayerNorm = Norm(hidden)

    def forward(self, ids):
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.word_embeddings(ids) + self.position_embeddings(places)
        kinds = self.token_type_embeddings(torch.zeros_like(ids))
        return self.LayerNorm(x + kinds)


class SelfAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)

    def forward(self, x):
        batch, length, hidden = x.shape
        shape = (batch, length, self.heads, hidden // self.heads)
        q, k, v = (
            layer(x).reshape(shape).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if hasattr(F, "scaled_dot_product_attention"):
            seen = F.scaled_dot_product_attention(q, k, v)
        else:
            products = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            seen = torch.softmax(products, -1) @ v
        return seen.transpose(1, 2).reshape(batch, length, hidden)


class Output(nn.Module):
    """A layer, then the sum with its block's input, normalized."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.dense = nn.Linear(inputs, hidden)
        self.LayerNorm = Norm(hidden)

    def forward(self, y, x):
        return self.LayerNorm(self.dense(y) + x)


class Attention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.self = SelfAttention(hidden, heads)
        self.output = Output(hidden, hidden)

    def forward(self, x):
        return self.output(self.self(x), x)


class Intermediate(nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.dense = nn.Linear(hidden, inner)

    def forward(self, x):
        return F.gelu(self.dense(x))


class Layer(nn.Module):
    def __init__(self, hidden, heads, inner):
        super().__init__()
        self.attention = Attention(hidden, heads)
        self.intermediate = Intermediate(hidden, inner)
        self.output = Output(inner, hidden)

    def forward(self, x):
        x = self.attention(x)
        return self.output(self.intermediate(x), x)


class Encoder(nn.Module):
    def __init__(self, layers, hidden, heads, inner):
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(hidden, heads, inner) for _ in range(layers)
        )


class Pooler(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)


class Bert(nn.Module):
    def __init__(self, layers, hidden, heads, inner, vocabulary, positions):
        super().__init__()
        self.embeddings = Embeddings(hidden, vocabulary, positions)
        self.encoder = Encoder(layers, hidden, heads, inner)
        self.pooler = Pooler(hidden)

    def forward(self, ids):
        x = self.embeddings(ids)
        for layer in self.encoder.layer:
            x = layer(x)
        return torch.tanh(self.pooler.dense(x[:, 0]))


class Classifier(nn.Module):
    """BertForSequenceClassification of two labels, without dropout."""

    def __init__(self, hidden, **sizes):
        super().__init__()
        self.bert = Bert(hidden=hidden, **sizes)
        self.classifier = nn.Linear(hidden, 2)

    def forward(self, ids):
        return self.classifier(self.bert(ids))


def build(context, **sizes):
    """The model with its first weights."""
    model = Classifier(**sizes).to(context.device)
    with torch.no_grad():
        for i, (name, parameter) in enumerate(sorted(model.named_parameters())):
            if name.endswith("bias"):
                parameter.zero_()
            elif "LayerNorm" in name:
                parameter.fill_(1)
            else:
                shape = tuple(parameter.shape)
                parameter.copy_(drawn(shape, 101 + i, context.device, 0.07))
    return model


def batch_of(context, batch, length, vocabulary):
    ids = random_integers(batch * length, vocabulary, 34)
    labels = random_integers(batch, 2, 35)
    return (
        ids.reshape(batch, length).to(context.device),
        labels.to(context.device),
    )


def bert_step(context, batch, length, vocabulary, **sizes):
    model = build(context, vocabulary=vocabulary, **sizes)
    ids, labels = batch_of(context, batch, length, vocabulary)
    return Training(
        context,
        list(model.parameters()),
        lambda: F.cross_entropy(model(ids), labels),
    )


class BertForward:
    """Logits without gradients."""

    def __init__(self, context, batch, length, vocabulary, **sizes):
        self.model = build(context, vocabulary=vocabulary, **sizes)
        self.ids, _ = batch_of(context, batch, length, vocabulary)
        self.forward = context.compile(self.model)

    def run(self):
        with torch.no_grad():
            return self.forward(self.ids)

    def outputs(self):
        return probe(self.run())


class SwagCase:
    """Collections while one matrix moves a little, and samples; see references.ts."""

    def __init__(self, context, rank, flat, sample, **sizes):
        self.model = build(context, **sizes)
        self.sampling = sample
        swag = FlatSwag if flat else PerParameterSwag
        self.swag = swag(self.model, rank)
        self.note = self.swag.note
        name = next(
            name
            for name, _ in sorted(self.model.named_parameters())
            if name.endswith("query.weight")
        )
        self.first = dict(self.model.named_parameters())[name]
        value = self.first.detach().clone()
        places = torch.arange(
            1, value.numel() + 1, dtype=torch.float64, device=value.device
        ).view_as(value)
        with torch.no_grad():
            for turn in range(rank):
                moved = value.double() + 0.001 * torch.sin((turn + 1) * places)
                self.first.copy_(moved)
                self.swag.collect()
        self.draws = math.ceil(1280 / rank)

    def run(self):
        with torch.no_grad():
            if self.sampling:
                self.swag.sample(0.5)
            else:
                self.swag.collect()

    def outputs(self):
        with torch.no_grad():
            kept = [p.clone() for p in self.model.parameters()]
            self.swag.sample(0.0)
            mean = self.first.detach().double().clone()
            if self.sampling:
                result = [self.variance(mean)]
            else:
                result = probe(mean)
            for parameter, value in zip(self.model.parameters(), kept):
                parameter.copy_(value)
        return result

    def variance(self, mean):
        total = 0.0
        for _ in range(self.draws):
            self.swag.sample(0.5)
            total += ((self.first.double() - mean) ** 2).mean().item()
        return total / self.draws


def swag_case(flat, sample):
    def prepare(context, **sizes):
        return SwagCase(context, flat=flat, sample=sample, **sizes)

    return prepare


BERT_KINDS = {
    "bertStep": bert_step,
    "bertForward": BertForward,
    "swagCollect": swag_case(flat=False, sample=False),
    "swagSample": swag_case(flat=False, sample=True),
    "swagCollectFlat": swag_case(flat=True, sample=False),
    "swagSampleFlat": swag_case(flat=True, sample=True),
}
