// Copyright 2026 the swagpu authors. MIT license.

/**
 * Prints what Node reads of files of the web, whose addresses are the arguments: the
 * size and the sum of the bytes, or the error.
 *
 * @module
 */

import process from "node:process";
import { DiskReader } from "../../nn/formats/mod.ts";

for (const path of process.argv.slice(2)) {
  try {
    using file = await DiskReader.open(path);
    const bytes = await file.read(0, file.size);
    const sum = bytes.reduce((a, b) => a + b, 0);
    process.stdout.write(`${file.size} ${sum}\n`);
  } catch (error) {
    const { name, message } = error as Error;
    process.stdout.write(`${name}: ${message}\n`);
  }
}
