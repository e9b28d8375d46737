// Copyright 2026 the swagpu authors. MIT license.

// PyTorch's AdamW and SGD in float64, one parameter at a time, with its rule of
// whom a step changes: parameters whose gradient is not None. Frozen ones get
// none, as backward gives them none.

/** A parameter with the gradient that it has, if it has one. */
export interface Twin {
  value: Float64Array;
  gradient: Float64Array | undefined;
}

/** Settings of {@linkcode TwinAdamW}. */
export interface TwinAdamWSettings {
  learningRate: number;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
}

/** Settings of {@linkcode TwinSGD}. */
export interface TwinSGDSettings {
  learningRate: number;
  momentum: number;
  dampening: number;
  weightDecay: number;
  nesterov: boolean;
}

/** torch.optim.AdamW. */
export class TwinAdamW {
  readonly steps = new Map<Twin, number>();
  readonly #m = new Map<Twin, Float64Array>();
  readonly #v = new Map<Twin, Float64Array>();

  constructor(
    readonly twins: readonly Twin[],
    readonly settings: TwinAdamWSettings,
  ) {}

  step(): void {
    const { learningRate: lr, betas: [b1, b2], eps, weightDecay } =
      this.settings;
    for (const twin of this.twins) {
      const { value, gradient } = twin;
      if (!gradient) continue;
      const t = (this.steps.get(twin) ?? 0) + 1;
      this.steps.set(twin, t);
      const m = getOrZeros(this.#m, twin);
      const v = getOrZeros(this.#v, twin);
      gradient.forEach((g, i) => {
        m[i] = b1 * (m[i] ?? 0) + (1 - b1) * g;
        v[i] = b2 * (v[i] ?? 0) + (1 - b2) * g * g;
        const denominator = Math.sqrt((v[i] ?? 0) / (1 - b2 ** t)) + eps;
        value[i] = (value[i] ?? 0) * (1 - lr * weightDecay) -
          lr / (1 - b1 ** t) * (m[i] ?? 0) / denominator;
      });
    }
  }
}

/** torch.optim.SGD. */
export class TwinSGD {
  readonly steps = new Map<Twin, number>();
  readonly #buffers = new Map<Twin, Float64Array>();

  constructor(
    readonly twins: readonly Twin[],
    readonly settings: TwinSGDSettings,
  ) {}

  step(): void {
    const { learningRate: lr, momentum, dampening, weightDecay, nesterov } =
      this.settings;
    for (const twin of this.twins) {
      const { value, gradient } = twin;
      if (!gradient) continue;
      this.steps.set(twin, (this.steps.get(twin) ?? 0) + 1);
      const g = gradient.map((x, i) => x + weightDecay * (value[i] ?? 0));
      let step = g;
      if (momentum !== 0) {
        const before = this.#buffers.get(twin);
        const buffer = before
          ? before.map((b, i) => momentum * b + (1 - dampening) * (g[i] ?? 0))
          : g.slice();
        this.#buffers.set(twin, buffer);
        step = nesterov
          ? g.map((x, i) => x + momentum * (buffer[i] ?? 0))
          : buffer;
      }
      step.forEach((s, i) => value[i] = (value[i] ?? 0) - lr * s);
    }
  }
}

/** torch.nn.utils.clip_grad_norm_ of the gradients that there are. */
export function clipTwins(twins: readonly Twin[], maxNorm: number): number {
  let sum = 0;
  for (const { gradient } of twins) {
    for (const g of gradient ?? []) sum += g * g;
  }
  const norm = Math.sqrt(sum);
  const factor = Math.min(1, maxNorm / (norm + 1e-6));
  for (const twin of twins) {
    twin.gradient = twin.gradient?.map((g) => g * factor);
  }
  return norm;
}

function getOrZeros(
  map: Map<Twin, Float64Array>,
  twin: Twin,
): Float64Array {
  let values = map.get(twin);
  if (!values) map.set(twin, values = new Float64Array(twin.value.length));
  return values;
}
