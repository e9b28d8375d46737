// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs the program in Deno or Node, and prints its figures as JSON. The argument is the
 * folder with models and reference values, if they are compared.
 *
 * @module
 */

import process from "node:process";
import { runProgram } from "./program.ts";

console.log(JSON.stringify(await runProgram(process.argv[2])));
