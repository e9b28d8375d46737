// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels that work on whole rows (layer norm, softmax, cross-entropy, running
// sums) exist in several forms. This file chooses the form for a call and cuts
// the call into dispatches.

import type { Device } from "../gpu/device.ts";
import { type RowForm, WORKGROUP as ROW_WORKGROUP } from "../kernels/rows.ts";
import { chooseVariant } from "../tuning/choice.ts";
import { texelWindows, type Window, windows } from "./cut.ts";

/** The most elements (or vec4) of a row that one invocation keeps in registers. */
const MOST_HELD = 8;

/** Operands of fewer bytes are not worth a copy to a texture. */
const LEAST_TEXEL_BYTES = 128 * 1024;

/** Properties of a call that decide whether one invocation can take a row. */
export interface RowWork {
  /** The number of loop turns that the serial form takes for each row. */
  turns: number;
  /** The shape class, for choices that were pinned or measured by class. @default {"all"} */
  shapeClass?: string;
  /** Whether rows are too short to occupy a workgroup. @default {false} */
  narrow?: boolean;
}

/**
 * Chooses between two forms of a kernel that works on rows: `"serial"`, in which
 * one invocation takes a row, as suits adapters on the CPU, and `"workgroup"`, in
 * which a whole workgroup does.
 *
 * A row that takes more loop turns than the device allows one invocation always
 * goes to a workgroup, even if the serial form is pinned.
 *
 * @param device The device that will run the kernel.
 * @param family The kernel family, as given to {@linkcode defineVariants}.
 * @param work What the kernel does for each row.
 * @returns The form to run.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { chooseRowForm, defineVariants } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * const device = await initialize();
 * defineVariants("my_rows", ["serial", "workgroup"]);
 * const form = chooseRowForm(device, "my_rows", { turns: 100 });
 * assert(form === "serial" || form === "workgroup");
 * ```
 */
export function chooseRowForm(
  device: Device,
  family: string,
  { turns, shapeClass = "all", narrow = false }: RowWork,
): "serial" | "workgroup" {
  const chosen = chooseVariant(
    device,
    family,
    shapeClass,
    () => device.isSoftware || narrow ? "serial" : "workgroup",
  );
  return chosen === "serial" && turns <= device.maxTurns
    ? "serial"
    : "workgroup";
}

/** The sizes from which {@linkcode rowForm} chooses a form. */
export interface RowSizes extends RowWork {
  /** The number of elements of a row. */
  n: number;
  /** The number of rows. */
  rows: number;
  /** See {@linkcode RowForm.vectors}. */
  vectors: boolean;
  /** Whether the workgroup variant must not hold rows. @default {false} */
  walk?: boolean;
}

/**
 * Chooses the form of a call: the pinned, measured or default variant of the
 * family, as far as the sizes allow it.
 *
 * @throws {RangeError} If rows are so long (about seven million elements) that a
 * software adapter's driver would leave the loops over them early.
 */
export function rowForm(
  device: Device,
  family: string,
  { n, rows, vectors, walk = false, ...work }: RowSizes,
): RowForm {
  const chosen = chooseVariant(
    device,
    family,
    work.shapeClass ?? "all",
    () =>
      !device.isSoftware && !work.narrow
        ? "workgroup"
        : device.isSoftware && rows * n * 4 >= LEAST_TEXEL_BYTES
        ? "texels"
        : "serial",
  );
  if (chosen !== "workgroup" && work.turns <= device.maxTurns) {
    const variant = chosen === "texels" && vectors ? "texels" : "serial";
    return { variant, vectors, lanes: 1, held: 0 };
  }
  if (work.turns / ROW_WORKGROUP + 8 > device.maxTurns) {
    throw new RangeError(
      `Cannot work on rows of ${n} elements on a software adapter: its driver ` +
        "leaves loops before their end",
    );
  }
  return { variant: "workgroup", vectors, ...shares(n, vectors, walk) };
}

/** Chooses how many invocations share a row and how much of it each one holds. */
function shares(
  n: number,
  vectors: boolean,
  walk: boolean,
): { lanes: number; held: number } {
  const elements = vectors ? n / 4 : n;
  const lanes = [32, 64].find((lanes) => elements <= 4 * lanes) ??
    ROW_WORKGROUP;
  const held = Math.ceil(elements / lanes);
  return walk || held > MOST_HELD
    ? { lanes: ROW_WORKGROUP, held: 0 }
    : { lanes, held };
}

/** Cuts the rows of a call into windows, small ones for the variant with texels. */
export function rowWindows(
  device: Device,
  { variant }: RowForm,
  rows: number,
  sizes: readonly number[],
): Window[] {
  const cut = variant === "texels" ? texelWindows : windows;
  return cut(device, rows, sizes);
}
