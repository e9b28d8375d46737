// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Tensor } from "./tensor.ts";

/** A stretch of code whose tensors are freed together. See {@linkcode scope}. */
export class Scope implements Disposable {
  /** The tensors that this scope will free. */
  readonly tensors: Set<Tensor> = new Set();
  /** The scope that this one was opened in. */
  readonly parent: Scope | undefined;

  /** Use {@linkcode scope}. */
  constructor(parent: Scope | undefined) {
    this.parent = parent;
  }

  /** Frees every tensor that was made inside and not kept. */
  [Symbol.dispose](): void {
    // Scopes that an error left open inside this one end with it.
    for (let open = innermost; open; open = open.parent) {
      for (const tensor of open.tensors) tensor.dispose();
      innermost = open.parent;
      if (open === this) return;
    }
  }
}

let innermost: Scope | undefined;

/**
 * Opens a scope: every tensor made until it is disposed is then freed, unless
 * {@linkcode keep} was called for it.
 *
 * Scopes nest. Between opening and closing one, await only reads: tensors that
 * other asynchronous code makes meanwhile would be freed with it.
 *
 * @example Usage
 * ```ts
 * import { initialize, keep, mul, scope, tensor } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2, 3]);
 * function cube() {
 *   using _ = scope();
 *   const square = mul(x, x); // freed at the brace
 *   return keep(mul(square, x));
 * }
 * assert((await cube().data())[2] === 27);
 * x.dispose();
 * ```
 */
export function scope(): Scope {
  innermost = new Scope(innermost);
  return innermost;
}

/** Hands a tensor to the enclosing scope, or, outside of all, to the caller. */
export function keep<T extends Tensor>(tensor: T): T {
  const { owner } = tensor;
  owner?.tensors.delete(tensor);
  tensor.owner = owner?.parent;
  tensor.owner?.tensors.add(tensor);
  return tensor;
}

/** Takes a tensor out of all scopes: it lives until it is disposed. */
export function persist<T extends Tensor>(tensor: T): T {
  forget(tensor);
  return tensor;
}

/** Puts a new tensor under the innermost scope. */
export function adopt(tensor: Tensor): void {
  if (!innermost) return;
  innermost.tensors.add(tensor);
  tensor.owner = innermost;
}

/** Takes a tensor out of its scope. */
export function forget(tensor: Tensor): void {
  tensor.owner?.tensors.delete(tensor);
  tensor.owner = undefined;
}
