// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Prints the WGSL of a kernel of the library, exactly as it is compiled.
 *
 * Most kernels are one text. The others are families whose text depends on a
 * form: the variant for an adapter, the width of a head, what an op is fused
 * with. Of a family, a few usual forms are shown by name.
 *
 * @module
 */

import "../engine/mod.ts";
import {
  definedKernels,
  type Kernel,
  replicatedWgsl,
} from "../engine/kernel_kit.ts";
import "../models/mod.ts";
import "../nn/mod.ts";
import "../swag/mod.ts";

const USAGE = `Usage: deno task wgsl [name] [variant] [--replicas]

Prints the WGSL of a kernel, exactly as it is compiled.

  deno task wgsl                  lists the kernels and their variants
  deno task wgsl adamw            prints a kernel
  deno task wgsl layer_norm       prints the first variant of a family
  deno task wgsl matmul tiled64   prints a variant of a family
  deno task wgsl adamw --replicas prints it as it runs for several models at once`;

/** A line for each kernel: its name, and the names of its variants. */
export function listKernels(): string {
  const kernels = [...definedKernels()].sort(([a], [b]) => a < b ? -1 : 1);
  const width = Math.max(...kernels.map(([name]) => name.length));
  return kernels.map(([name, variants]) =>
    `${name.padEnd(width)}  ${Object.keys(variants).join(" ")}`.trimEnd()
  ).join("\n");
}

/**
 * A kernel of the library.
 *
 * @param name The name of a kernel or family.
 * @param variant A variant of the family; the first one by default.
 * @throws {RangeError} If there is no such kernel or variant.
 */
export function findKernel(name: string, variant?: string): Kernel {
  const variants = definedKernels().get(name);
  if (!variants) {
    throw new RangeError(
      `Cannot print ${name}: there is no such kernel; deno task wgsl lists all`,
    );
  }
  const names = Object.keys(variants);
  const make = variants[variant ?? names[0] ?? ""];
  if (!make) {
    throw new RangeError(
      `Cannot print ${name} ${variant}: expected ${
        names.join(", ") || "no variant"
      }`,
    );
  }
  return make();
}

/**
 * The text of a kernel.
 *
 * @param kernel The kernel.
 * @param forReplicas Whether it is that for several replicas in one dispatch.
 * @throws {RangeError} If there is none for replicas.
 */
export function textOf(kernel: Kernel, forReplicas: boolean): string {
  const text = forReplicas ? replicatedWgsl(kernel) : kernel.wgsl;
  if (text !== undefined) return text.trim();
  throw new RangeError(
    `Cannot print ${kernel.name} for replicas: it is dispatched for each of them`,
  );
}

if (import.meta.main) {
  const forReplicas = Deno.args.includes("--replicas");
  const args = Deno.args.filter((arg) => arg !== "--replicas");
  const [name, variant, ...rest] = args;
  if (rest.length > 0 || args.some((arg) => /^-/.test(arg))) {
    console.log(USAGE);
    Deno.exit(/^(--help|-h)$/.test(name ?? "") ? 0 : 1);
  }
  try {
    console.log(
      name === undefined
        ? listKernels()
        : textOf(findKernel(name, variant), forReplicas),
    );
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(1);
  }
}
