// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** What a scope knows of the tensors that it frees. */
export interface Scoped {
  /** The scope that will free it, if any. */
  owner: Scope | undefined;
  /** What the error for a use after disposal adds. */
  disposalNote: string;
  /** Frees it. */
  dispose(): void;
}

/** A stretch of code whose tensors are freed together. See {@linkcode scope}. */
export class Scope implements Disposable {
  /** The tensors that this scope will free. */
  readonly tensors: Set<Scoped> = new Set();
  readonly #turn = currentTurn();
  #parent: Scope | undefined;
  #isOpen = true;

  /** Use {@linkcode scope}. */
  constructor(parent: Scope | undefined) {
    this.#parent = parent;
  }

  /** The scope around this one that is still open, if any. */
  get parent(): Scope | undefined {
    return this.#parent;
  }

  /** Whether code has been awaited since the scope was opened. */
  get #hasWaited(): boolean {
    return this.#turn !== currentTurn();
  }

  /** Frees every tensor that was made inside and not kept. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    if (this.#hasWaited) {
      // What was opened since then may be other code's, which awaits, too.
      this.#leave();
    } else {
      // Scopes that an error left open inside this one end with it.
      while (innermost && innermost !== this) innermost.#end();
    }
    this.#end();
  }

  #end(): void {
    this.#isOpen = false;
    if (innermost === this) innermost = this.#parent;
    const hasWaited = this.#hasWaited;
    for (const tensor of this.tensors) {
      if (hasWaited) tensor.disposalNote = AWAITED;
      tensor.dispose();
    }
  }

  /** Takes this scope out of the chain of open ones. */
  #leave(): void {
    let inside = innermost;
    while (inside && inside !== this && inside.#parent !== this) {
      inside = inside.#parent;
    }
    if (inside && inside !== this) inside.#parent = this.#parent;
  }
}

/** Why other code may find its tensors freed. */
const AWAITED = ". That scope was open while something was awaited, and then " +
  "takes the tensors that other code makes, too: await only reads inside";

let innermost: Scope | undefined;

let turn = 0;
let isTurning = false;

/** A number that changes whenever code has been awaited. */
function currentTurn(): number {
  if (!isTurning) {
    isTurning = true;
    queueMicrotask(() => {
      isTurning = false;
      turn++;
    });
  }
  return turn;
}

/**
 * Opens a scope: every tensor made until it is disposed is then freed, unless
 * {@linkcode keep} was called for it.
 *
 * Scopes nest. JavaScript has no way to tell which of several asynchronous
 * functions made a tensor, so a scope that is open while something is awaited
 * takes what others make meanwhile. Therefore, between opening and closing one,
 * await only reads of tensors that are there already; such scopes may overlap
 * and close in any order, each freeing its own. A tensor that is used after it
 * was freed throws a `ReferenceError`.
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
 *
 * @example Reads that overlap
 * ```ts
 * import { initialize, mul, scope, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * async function square(value: number) {
 *   using _ = scope();
 *   const x = tensor([value]);
 *   return await mul(x, x).item(); // awaited last
 * }
 * assertEquals(await Promise.all([square(2), square(3)]), [4, 9]);
 * ```
 */
export function scope(): Scope {
  innermost = new Scope(innermost);
  return innermost;
}
/** Hands a tensor to the enclosing scope, or, outside of all, to the caller. */
export function keep<T extends Scoped>(tensor: T): T {
  const { owner } = tensor;
  owner?.tensors.delete(tensor);
  tensor.owner = owner?.parent;
  tensor.owner?.tensors.add(tensor);
  return tensor;
}

/** Takes a tensor out of all scopes: it lives until it is disposed. */
export function persist<T extends Scoped>(tensor: T): T {
  forget(tensor);
  return tensor;
}

/** Puts a new tensor under the innermost scope. */
export function adopt(tensor: Scoped): void {
  if (!innermost) return;
  innermost.tensors.add(tensor);
  tensor.owner = innermost;
}

/** Takes a tensor out of its scope. */
export function forget(tensor: Scoped): void {
  tensor.owner?.tensors.delete(tensor);
  tensor.owner = undefined;
}
