// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Where the weights to collect lie: in the segments that the posterior was
// planned for, in those of a model laid out alike, or scattered.

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
 * The weights of a model, piece by piece.
 *
 * @param layout The posterior's.
 * @param model The model to collect.
 * @param isBase Whether it is the model that the posterior is over.
 * @throws {TypeError} If the model lacks a parameter, or it has another shape
 * or device.
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
    others.set(entry, other);
  }
  return others;
}

/** The stretch of another model's segment that is laid out as the piece. */
function aligned(
  { spans, length }: Piece,
  others: ReadonlyMap<Entry, Parameter>,
): Source | undefined {
  const places = spans.map(({ entry, from, at }) => {
    const { segment, offset = 0 } = others.get(entry)?.location ?? {};
    return { segment, start: offset + from - at };
  });
  const [{ segment, start } = { segment: undefined, start: 0 }] = places;
  if (!segment || start < 0 || start + length > segment.length) {
    return undefined;
  }
  const same = places.every((p) => p.segment === segment && p.start === start);
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
    const place = others.get(entry)?.location;
    if (!place) continue;
    device.stream.copy(
      place.segment.values.window(place.offset + from, count),
      gathered.window(at, count),
      count * 4,
    );
  }
  return { values: gathered, gathered };
}
