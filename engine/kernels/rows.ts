// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How the kernels over rows (layer norm, softmax) come in two variants and two
// widths: one text between a head that names the element type and an end that
// says who owns a row.

import type { Kernel } from "../kernel.ts";

/** What of a call changes the text of its kernels. */
export interface RowForm {
  variant: "serial" | "workgroup";
  /** Whether rows are contiguous and multiples of four elements. */
  vectors: boolean;
}

/** Rows that one workgroup of either variant handles. */
export const ROWS_OF = { serial: 8, workgroup: 1 } as const;

/** The heads and ends of a family of row kernels. */
export interface RowTexts {
  vectors: string;
  scalars: string;
  serial: string;
  workgroup: string;
}

const made = new Map<string, Kernel>();

/** The kernel whose middle is `kernel.wgsl`, in the form of a call. */
export function rowKernel(
  form: RowForm,
  kernel: Kernel,
  texts: RowTexts,
): Kernel {
  const key = `${kernel.name} ${form.variant} ${form.vectors}`;
  let whole = made.get(key);
  if (!whole) {
    whole = {
      ...kernel,
      name: `${kernel.name}_${form.variant}`,
      wgsl: (form.vectors ? texts.vectors : texts.scalars) + kernel.wgsl +
        texts[form.variant],
    };
    made.set(key, whole);
  }
  return whole;
}
