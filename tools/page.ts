// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Builds the page of examples/browser, and serves it on this machine or writes it to a
 * folder, from which any server of static files can serve it.
 *
 * ```sh
 * deno task page                          # http://127.0.0.1:8000/
 * deno task page --model out/my-model     # opens with this model
 * deno task page --output dist/page
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { buildPage } from "./page/build.ts";
import { modelFiles } from "./page/model_files.ts";
import { servePage } from "./page/serve.ts";
import { writePage } from "./page/write.ts";

const USAGE = `\
Usage: deno task page [--model DIR] [--port N | --output DIR]

Builds the page that shows uncertainty in a browser with WebGPU, and serves it on
this machine, or writes it as static files.

  --model DIR   A model that finetune --swag wrote, to open the page with
  --port N      The port to serve it at (8000); 0 for any that is free
  --output DIR  The folder to write it to, instead of serving it
  --help        Print this`;

/** Prints an error or the usage, and ends the program. */
function leave(problem?: string): never {
  if (problem === undefined) console.log(USAGE);
  else console.error(`error: ${problem}\n\n${USAGE}`);
  Deno.exit(problem === undefined ? 0 : 2);
}

async function main(args: string[]): Promise<void> {
  const options = parseArgs(args, {
    string: ["model", "port", "output"],
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (argument) => leave(`Cannot use ${argument}: it is not an option`),
  });
  if (options.help) leave();
  const { model, output } = options;
  const port = Number(options.port ?? 8000);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    leave(`Cannot serve at the port ${options.port}: expected 0 to 65535`);
  }
  if (output !== undefined && options.port !== undefined) {
    leave("Cannot use --port: with --output nothing is served");
  }
  const files = await buildPage(
    model === undefined ? {} : { model: await modelFiles(model) },
  );
  if (output !== undefined) {
    await writePage(output, { files, model });
    console.log(`${output}/index.html`);
    return;
  }
  const server = await servePage({ files, model, port });
  console.log(`${server.url}  (Ctrl+C ends)`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
