# Copyright 2026 the swagpu authors. MIT license.
"""Inputs from seeds: the same bits as bench/peers/data.ts."""

import math

import torch

MASK = 0xFFFFFFFF
PROBES = 256


def _next(state):
    state ^= (state << 13) & MASK
    state ^= state >> 17
    state ^= (state << 5) & MASK
    return state


def _compose(outer, inner):
    """The images of the 32 bits under one linear map after another."""
    return [_apply(outer, image) for image in inner]


def _apply(images, state):
    result = 0
    for bit in range(32):
        if state >> bit & 1:
            result ^= images[bit]
    return result


def _apply_all(images, states):
    """The images of all states: one table of 256 for each of their bytes."""
    result = torch.zeros_like(states)
    for byte in range(0, 32, 8):
        table = [_apply(images, value << byte) for value in range(256)]
        table = torch.tensor(table, dtype=torch.int64, device=states.device)
        result ^= table[states >> byte & 255]
    return result


def random(length, seed, factor=1.0, device="cpu"):
    """Numbers in [-0.5, 0.5) by xorshift, times a factor.

    A step is linear over bits, so the stretch of states made so far gives the
    next one, of the same length, by one matrix: log2(length) passes.
    """
    state = seed * 2654435761 & MASK or 1
    first = [_next(state)]
    states = torch.tensor(first, dtype=torch.int64, device=device)
    jump = [_next(1 << bit) for bit in range(32)]
    while len(states) < length:
        more = _apply_all(jump, states[: length - len(states)])
        states = torch.cat([states, more])
        jump = _compose(jump, jump)
    values = (states.double() / 4294967296 - 0.5).float()
    return values if factor == 1.0 else (values.double() * factor).float()


def random_integers(length, bound, seed):
    """Integers in [0, bound)."""
    values = (random(length, seed).double() + 0.5) * bound
    return values.floor().clamp(max=bound - 1).long()


def probe(tensor):
    """Elements spread over a tensor, the ends included."""
    flat = tensor.detach().reshape(-1)
    n = flat.numel()
    if n > PROBES:
        places = [i * (n - 1) // (PROBES - 1) for i in range(PROBES)]
        flat = flat[torch.tensor(places, device=flat.device)]
    return flat.double().cpu().tolist()


def drawn(shape, seed, device, factor=1.0):
    """Random numbers of a shape, on a device."""
    return random(math.prod(shape), seed, factor, device).reshape(shape)
