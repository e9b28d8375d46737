// Copyright 2026 the swagpu authors. MIT license.

// WK pooling in float64, token by token, with R of QR by Gram and Schmidt's method.

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * (b[i] ?? NaN), 0);
}

function length(a: readonly number[]): number {
  return Math.sqrt(dot(a, a));
}

/** Column j of R, of a matrix that is given by its columns. */
function columnsOfR(columns: readonly number[][]): number[][] {
  const q: number[][] = [];
  return columns.map((column) => {
    let rest = [...column];
    const r = q.map((unit) => {
      const along = dot(unit, rest);
      rest = rest.map((value, i) => value - along * (unit[i] ?? NaN));
      return along;
    });
    const own = length(rest);
    q.push(rest.map((value) => value / own));
    return [...r, own];
  });
}

/** The weight of each layer, from the states of one token. */
function layerWeights(states: readonly number[][], size: number): number[] {
  const raw = states.map((own, k) => {
    const left = k < size ? [] : states.slice(k - size, k);
    const window = [...left, ...states.slice(k + 1, k + 1 + size), own];
    const r = columnsOfR(window);
    const last = r.pop() ?? [];
    const newest = last.pop() ?? NaN;
    const agreement = last.map((value, i) => {
      const row = r.map((column) => (column[i] ?? 0) / length(column));
      return value * row.reduce((a, b) => a + b, 0) / r.length;
    }).reduce((a, b) => a + b, 0) / length(last);
    return {
      alignment: 1 / (agreement * window.length * 2),
      novelty: newest / Math.hypot(length(last), newest),
    };
  });
  const shares = (values: number[]) => {
    const total = values.reduce((a, b) => a + b, 0);
    return values.map((value) => value / total);
  };
  const novelty = shares(raw.map((each) => each.novelty));
  return shares(raw.map((each) => each.alignment))
    .map((value, k) => (value + (novelty[k] ?? NaN)) / 2);
}

/** The vector of a text from `states[layer][token][feature]` of what counts. */
export function wkReference(
  states: readonly number[][][],
  size: number,
): number[] {
  const tokens = (states[0] ?? []).map((_, t) =>
    states.map((layer) => layer[t] ?? [])
  );
  const change = tokens.map((layers) => {
    const steps = layers.slice(1).map((next, k) => {
      const own = layers[k] ?? [];
      return dot(own, next) / length(own) / length(next);
    });
    const mean = steps.reduce((a, b) => a + b, 0) / steps.length;
    return steps.reduce((a, b) => a + (b - mean) ** 2, 0) / (steps.length - 1);
  });
  const total = change.reduce((a, b) => a + b, 0);
  const width = tokens[0]?.[0]?.length ?? 0;
  const text = new Array<number>(width).fill(0);
  tokens.forEach((layers, t) => {
    layerWeights(layers, size).forEach((weight, k) => {
      for (let i = 0; i < width; i++) {
        text[i] = (text[i] ?? 0) +
          weight * (layers[k]?.[i] ?? NaN) * (change[t] ?? NaN) / total;
      }
    });
  });
  return text;
}
