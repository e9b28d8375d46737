// Copyright 2026 the swagpu authors. MIT license.

/**
 * Hashes of files and texts.
 *
 * @module
 */

/** The SHA-256 hash of bytes, such as `sha256:e3b0…`. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digits = Array.from(
    hash,
    (byte) => byte.toString(16).padStart(2, "0"),
  );
  return `sha256:${digits.join("")}`;
}
