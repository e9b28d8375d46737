// Copyright 2026 the swagpu authors. MIT license.

/**
 * Builds the page of examples/browser: its files as a browser loads them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { packages } from "../browser/bundle.ts";
import { DARK, LIGHT, type Palette } from "../../report/mod.ts";

const ROOT = new URL("../../examples/browser/", import.meta.url);

/** Options of {@linkcode buildPage}. */
export interface PageOptions {
  /** The files of the model in `model/`, which the page opens with. @default {none} */
  model?: readonly string[] | undefined;
}

/**
 * Builds the page.
 *
 * @param options A model to begin with.
 * @returns The content of each file by its name.
 * @throws {Error} If an import cannot be resolved.
 */
export async function buildPage(
  { model }: PageOptions = {},
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  try {
    const { outputFiles } = await esbuild.build({
      entryPoints: ["page.ts", "worker.ts", "style/page.css"]
        .map((name) => fileURLToPath(new URL(name, ROOT))),
      entryNames: "[name]",
      outdir: fileURLToPath(ROOT),
      bundle: true,
      minify: true,
      // A saved model names its class.
      keepNames: true,
      write: false,
      format: "esm",
      platform: "browser",
      target: "es2022",
      supported: { using: false },
      logLevel: "silent",
      plugins: [packages],
    });
    for (const { path, text } of outputFiles) {
      files.set(path.replace(/^.*[\\/]/, ""), text);
    }
  } finally {
    await esbuild.stop(); // Its process would keep this one alive.
  }
  files.set("page.css", colors() + (files.get("page.css") ?? ""));
  for (const name of ["index.html", "icon.svg"]) {
    files.set(name, await Deno.readTextFile(new URL(name, ROOT)));
  }
  if (model !== undefined) {
    const names = escape(JSON.stringify(model));
    const meta = `<meta name="model" content="model" data-files="${names}">`;
    const page = files.get("index.html") ?? "";
    files.set(
      "index.html",
      page.replace("</head>", () => `  ${meta}\n  </head>`),
    );
  }
  return files;
}

/** The colors of the reports, as variables of CSS. */
function colors(): string {
  const rule = (palette: Palette) =>
    `:root{${
      Object.entries(palette).map(([name, color]) => `--${name}:${color}`)
        .join(";")
    }}`;
  return `:root{color-scheme:light dark}${rule(LIGHT)}` +
    `@media (prefers-color-scheme:dark){${rule(DARK)}}\n`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}
