// Copyright 2026 the swagpu authors. MIT license.

// Special functions in float64.

/** The error function, to about 1e-15: its series, or a continued fraction. */
export function erfReference(x: number): number {
  if (x < 0) return -erfReference(-x);
  if (x > 6) return 1;
  if (x < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 80; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (x + fraction);
  return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

/** The logistic function. */
export function sigmoidReference(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** x times the normal distribution's share below x. */
export function geluReference(x: number): number {
  return 0.5 * x * (1 + erfReference(x / Math.SQRT2));
}

/** The form with tanh that Hugging Face calls `gelu_new`. */
export function geluTanhReference(x: number): number {
  const inner = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
  return 0.5 * x * (1 + Math.tanh(inner));
}
