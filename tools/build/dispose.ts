// Copyright 2026 the swagpu authors. MIT license.

/**
 * The symbols of `using`, also in a browser that does not know them yet. esbuild's
 * `using` asks for the same symbols, so nothing has to be added to `Symbol`.
 *
 * @module
 */

const known: { dispose?: symbol; asyncDispose?: symbol } = Symbol;

/** `Symbol.dispose`. */
export const DISPOSE: symbol = known.dispose ?? Symbol.for("Symbol.dispose");

/** `Symbol.asyncDispose`. */
export const ASYNC_DISPOSE: symbol = known.asyncDispose ??
  Symbol.for("Symbol.asyncDispose");
