// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The CRC-32 of zip archives (polynomial 0xedb88320, reflected), four bytes at
// a time: M. E. Kounavis, F. L. Berry, "A systematic approach to building high
// performance software-based CRC generators", 2005. `TABLES[k]` holds the
// remainders of a byte that is followed by k bytes.

const POLYNOMIAL = 0xedb88320;

type Tables = [Uint32Array, Uint32Array, Uint32Array, Uint32Array];

const TABLES = makeTables();

function makeTables(): Tables {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    }
    return crc;
  });
  const next = (table: Uint32Array) =>
    table.map((crc) => (crc >>> 8) ^ (first[crc & 255] ?? 0));
  const second = next(first);
  const third = next(second);
  return [first, second, third, next(third)];
}

/** Computes the CRC-32 of bytes. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = TABLES;
  const at = (i: number) => bytes[i] ?? 0;
  let crc = ~0;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^= at(i) | at(i + 1) << 8 | at(i + 2) << 16 | at(i + 3) << 24;
    crc = (t3[crc & 255] ?? 0) ^ (t2[(crc >>> 8) & 255] ?? 0) ^
      (t1[(crc >>> 16) & 255] ?? 0) ^ (t0[crc >>> 24] ?? 0);
  }
  for (; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (t0[(crc ^ at(i)) & 255] ?? 0);
  }
  return ~crc >>> 0;
}
