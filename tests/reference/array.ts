// Copyright 2026 the swagpu authors. MIT license.

// Plain numbers in float64: what tensors' shapes mean, written as loops.

/** Every index of a shape, in row-major order. */
export function indicesOf(shape: readonly number[]): number[][] {
  let list: number[][] = [[]];
  for (const length of shape) {
    list = list.flatMap((head) =>
      Array.from({ length }, (_, i) => [...head, i])
    );
  }
  return list;
}

/** The place of an index in row-major order; broadcast axes count as 0. */
export function placeOf(
  index: readonly number[],
  shape: readonly number[],
): number {
  const lead = index.length - shape.length;
  return shape.reduce(
    (at, length, i) => at * length + (length === 1 ? 0 : index[i + lead] ?? 0),
    0,
  );
}

/** The shape that two broadcast to. */
export function broadcastShape(
  a: readonly number[],
  b: readonly number[],
): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    return m === 1 ? n : m;
  });
}

/** Applies a function to operands that broadcast. */
export function mapBroadcast(
  f: (...values: number[]) => number,
  operands: readonly (readonly [ArrayLike<number>, readonly number[]])[],
): Float64Array {
  const shape = operands.reduce<number[]>(
    (s, [, other]) => broadcastShape(s, other),
    [],
  );
  return Float64Array.from(
    indicesOf(shape),
    (index) => f(...operands.map(([x, s]) => x[placeOf(index, s)] ?? NaN)),
  );
}

/** Applies a function to the elements behind every result of a reduction. */
export function reduceReference(
  x: ArrayLike<number>,
  shape: readonly number[],
  axes: readonly number[],
  f: (values: number[]) => number,
): Float64Array {
  const kept = shape.map((length, i) => axes.includes(i) ? 1 : length);
  const groups = new Map<number, number[]>();
  for (const index of indicesOf(shape)) {
    const key = placeOf(index, kept);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(x[placeOf(index, shape)] ?? NaN);
  }
  return Float64Array.from(
    [...groups].sort(([a], [b]) => a - b),
    ([, values]) => f(values),
  );
}
