// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Finds the weights of a model that is collected, piece by piece. They are in the
 * segments for which the posterior was planned, in another model's segments with the
 * same layout, or elsewhere: then they are copied into that layout.
 *
 * @module
 */

import type { Tensor } from "../engine/mod.ts";
import {
  allocate,
  type AnyTensor,
  type Binding,
  fillInto,
  formatShape,
  part,
  sameShape,
} from "../engine/kernel_kit.ts";
import type { Module, Parameter } from "../nn/mod.ts";
import type { Entry, Layout, Piece } from "./layout.ts";

/** The weights of one piece. */
export interface Source {
  readonly values: AnyTensor | Binding;
  /** What to free after use. */
  readonly gathered?: Tensor;
}

/**
 * Finds the weights of a model, piece by piece.
 *
 * @param layout The layout of the posterior.
 * @param model The model that is collected.
 * @param isBase Whether the posterior was planned for this model.
 * @throws {TypeError} If the model lacks a parameter, or one has another shape or is
 * on another device.
 */
export function sourcesOf(
  layout: Layout,
  model: Module,
  isBase: boolean,
): Source[] {
  if (isBase) {
    return layout.pieces.map(({ segment: { values }, start, length }) => ({
      values: part(values, { start, count: length }, 1),
    }));
  }
  const others = counterparts(layout.entries, model);
  return layout.pieces.map((piece) =>
    aligned(piece, others) ?? gather(piece, others)
  );
}

/** Finds the other model's parameter for each entry. */
function counterparts(
  entries: readonly Entry[],
  model: Module,
): Map<Entry, Parameter> {
  model.placeParameters();
  const parameters = model.namedParameters();
  const others = new Map<Entry, Parameter>();
  for (const entry of entries) {
    const { name, parameter: { shape, device } } = entry;
    const other = parameters.get(name);
    if (!other || !sameShape(other.shape, shape)) {
      throw new TypeError(
        `Cannot collect "${name}": it is ${formatShape(shape)} here and ${
          other ? formatShape(other.shape) : "absent"
        } in the model given`,
      );
    }
    if (other.device !== device) {
      throw new TypeError(
        `Cannot collect "${name}": the model given is on another device`,
      );
    }
    if (other.halves) {
      throw new TypeError(
        `Cannot collect "${name}": it is stored as f16 in the model given, ` +
          'which castFrozen(model, "f32") undoes',
      );
    }
    others.set(entry, other);
  }
  return others;
}

/** The range of another model's segment, if it has the layout of the piece. */
function aligned(
  { spans, length }: Piece,
  others: ReadonlyMap<Entry, Parameter>,
): Source | undefined {
  const starts = spans.map(({ entry, from, at }) => {
    const { segment, offset = 0 } = others.get(entry)?.location ?? {};
    return { segment, start: offset + from - at };
  });
  const [{ segment, start } = { segment: undefined, start: 0 }] = starts;
  if (!segment || start < 0 || start + length > segment.length) {
    return undefined;
  }
  const same = starts.every((s) => s.segment === segment && s.start === start);
  return same ? { values: segment.values.window(start, length) } : undefined;
}

/** Copies another model's weights into the layout of a piece. */
function gather(
  { segment: { device }, spans, length }: Piece,
  others: ReadonlyMap<Entry, Parameter>,
): Source {
  const gathered = allocate(device, [length]);
  fillInto(gathered, 0);
  for (const { entry, from, at, count } of spans) {
    const location = others.get(entry)?.location;
    if (!location) continue;
    device.stream.copy(
      location.segment.values.window(location.offset + from, count),
      gathered.window(at, count),
      count * 4,
    );
  }
  return { values: gathered, gathered };
}
