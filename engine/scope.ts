// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scopes free tensors that a part of a program made. They know tensors only by
// an interface, because tensor.ts imports this file.

/** A thing that a scope frees: a tensor, as far as scopes know it. */
export interface Scoped {
  /** The scope that will free it, if one will. */
  owner: Scope | undefined;
  /** Text that the error for a use after disposal adds. */
  disposalNote: string;
  /** Gives its memory back. */
  dispose(): void;
}

/**
 * A part of a program whose tensors are freed together; {@linkcode scope} opens
 * one.
 *
 * @example Closing a scope without a brace
 * ```ts
 * import { initialize, ones, type Scope, scope } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const inner: Scope = scope();
 * const x = ones([2]);
 * inner[Symbol.dispose]();
 * assert(x.isDisposed);
 * ```
 */
export class Scope implements Disposable {
  /** The tensors that this scope will free. */
  readonly tensors: Set<Scoped> = new Set();
  readonly #turn = currentTurn();
  #parent: Scope | undefined;
  #isOpen = true;

  /**
   * Describes a scope; {@linkcode scope} opens one.
   *
   * @param parent The scope around it, if there is one.
   */
  constructor(parent: Scope | undefined) {
    this.#parent = parent;
  }

  /** The innermost open scope around this one, if there is one. */
  get parent(): Scope | undefined {
    return this.#parent;
  }

  /** Whether the program has awaited anything since the scope was opened. */
  get #hasWaited(): boolean {
    return this.#turn !== currentTurn();
  }

  /** Closes the scope: frees every tensor that was made inside and not kept. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    if (this.#hasWaited) {
      // Scopes that were opened since then may belong to other asynchronous
      // code.
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

  /** Removes this scope from the chain of open ones. */
  #leave(): void {
    let inside = innermost;
    while (inside && inside !== this && inside.#parent !== this) {
      inside = inside.#parent;
    }
    if (inside && inside !== this) inside.#parent = this.#parent;
  }
}

/** Explains to other code why its tensors may have been freed. */
const AWAITED =
  ". That scope was open while something was awaited, so it took " +
  "the tensors that other code made meanwhile: await only reads in a scope";

let innermost: Scope | undefined;

let turn = 0;
let isTurning = false;

/** A number that changes whenever the program has awaited something. */
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
 * Opens a scope. When the scope is closed, it frees every tensor that was made
 * since and for which {@linkcode keep} was not called.
 *
 * Scopes nest. JavaScript cannot tell which of several asynchronous functions
 * made a tensor, so a scope that is open while something is awaited also takes
 * the tensors that other functions make in the meantime. Therefore, await
 * nothing in an open scope but reads of tensors that exist already. Such scopes
 * may overlap and close in any order, and each frees its own tensors. Using a
 * tensor after it was freed throws a `ReferenceError`.
 *
 * @returns The scope, to be closed by `using` or `Symbol.dispose`.
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

/**
 * Keeps a tensor when its scope closes: the scope around takes it over, or the
 * caller if there is none.
 *
 * @param tensor A tensor.
 * @returns The same tensor.
 *
 * @example Usage
 * ```ts
 * import { initialize, keep, mul, scope, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * function square(value: number) {
 *   using _ = scope();
 *   const x = tensor([value]); // freed at the brace
 *   return keep(mul(x, x));
 * }
 * assertEquals(await square(3).item(), 9);
 * ```
 */
export function keep<T extends Scoped>(tensor: T): T {
  const { owner } = tensor;
  owner?.tensors.delete(tensor);
  tensor.owner = owner?.parent;
  tensor.owner?.tensors.add(tensor);
  return tensor;
}

/**
 * Removes a tensor from its scope, so that it lives until it is disposed.
 *
 * @param tensor A tensor.
 * @returns The same tensor.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones, scope } from "@swagpu/swagpu/engine";
 * import { persist } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const outer = scope();
 * const x = persist(ones([2]));
 * outer[Symbol.dispose]();
 * assert(!x.isDisposed);
 * x.dispose();
 * ```
 */
export function persist<T extends Scoped>(tensor: T): T {
  forget(tensor);
  return tensor;
}

/** Gives a new tensor to the innermost scope. */
export function adopt(tensor: Scoped): void {
  if (!innermost) return;
  innermost.tensors.add(tensor);
  tensor.owner = innermost;
}

/** Removes a tensor from its scope. */
export function forget(tensor: Scoped): void {
  tensor.owner?.tensors.delete(tensor);
  tensor.owner = undefined;
}
