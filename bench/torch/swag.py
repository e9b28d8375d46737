# Copyright 2026 the swagpu authors. MIT license.
"""SWAG as the original code does it, parameter by parameter, and over one
flat vector."""

import math

import torch

CLAMP = 1e-30


class PerParameterSwag:
    """For each parameter a mean, a mean of squares and a matrix of deviations
    that grows by concatenation: wjmaddox's swa_gaussian in outline."""

    note = "a loop over the parameters"

    def __init__(self, model, rank):
        self.parameters = list(model.parameters())
        self.rank = rank
        self.count = 0
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.deviations = [
            p.new_empty((0, p.numel())) for p in self.parameters
        ]

    def collect(self):
        n = self.count
        for i, parameter in enumerate(self.parameters):
            value = parameter.data
            mean = self.mean[i] * (n / (n + 1.0)) + value / (n + 1.0)
            squares = self.squares[i] * (n / (n + 1.0))
            squares = squares + value**2 / (n + 1.0)
            deviation = (value - mean).view(-1, 1).t()
            deviations = torch.cat((self.deviations[i], deviation), dim=0)
            if deviations.size(0) > self.rank:
                deviations = deviations[1:, :]
            self.mean[i] = mean
            self.squares[i] = squares
            self.deviations[i] = deviations
        self.count += 1

    def sample(self, scale):
        device = self.parameters[0].device
        weights = torch.randn(self.deviations[0].size(0), device=device)
        for i, parameter in enumerate(self.parameters):
            mean, deviations = self.mean[i], self.deviations[i]
            variance = torch.clamp(self.squares[i] - mean**2, CLAMP)
            noise = variance.sqrt() * torch.randn_like(variance)
            low_rank = deviations.t().matmul(weights).view_as(mean)
            low_rank = low_rank / math.sqrt(deviations.size(0) - 1)
            sample = mean + math.sqrt(scale) * (noise + low_rank)
            parameter.data.copy_(sample)


class FlatSwag:
    """The same over one vector of all parameters, deviations in a ring."""

    note = "one flat vector"

    def __init__(self, model, rank):
        self.parameters = list(model.parameters())
        self.rank = rank
        self.count = 0
        size = sum(p.numel() for p in self.parameters)
        first = self.parameters[0]
        self.mean = first.new_zeros(size)
        self.squares = first.new_zeros(size)
        self.deviations = first.new_zeros((rank, size))

    def collect(self):
        value = torch.cat([p.data.view(-1) for p in self.parameters])
        n = self.count
        self.mean.mul_(n / (n + 1.0)).add_(value, alpha=1 / (n + 1.0))
        self.squares.mul_(n / (n + 1.0))
        self.squares.addcmul_(value, value, value=1 / (n + 1.0))
        torch.sub(value, self.mean, out=self.deviations[n % self.rank])
        self.count += 1

    def sample(self, scale):
        held = min(self.count, self.rank)
        weights = torch.randn(held, device=self.mean.device)
        deviations = self.deviations[:held]
        variance = torch.clamp(self.squares - self.mean**2, CLAMP)
        sample = variance.sqrt_().mul_(torch.randn_like(variance))
        sample.add_(weights @ deviations, alpha=1 / math.sqrt(held - 1))
        sample.mul_(math.sqrt(scale)).add_(self.mean)
        at = 0
        for parameter in self.parameters:
            n = parameter.numel()
            parameter.data.copy_(sample[at : at + n].view_as(parameter))
            at += n
