// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// The command line that bench:peers and bench:gpu share.

import type { Case } from "./cases.ts";
import { allPeers, bundledFolder } from "./launches.ts";
import { measure } from "./measure.ts";
import { renderReport } from "./table.ts";

/** What a command measures, unless options say otherwise. */
export interface Command {
  cases: readonly Case[];
  /** The same cases in small sizes, for `--small`. @default {no cases} */
  smallCases?: readonly Case[];
  /** Peers by name. @default {all} */
  peers?: readonly string[];
  rounds: number;
  minMs: number;
}

/** The options of the user. */
export interface Choice {
  only: string[] | undefined;
  peers: string[] | undefined;
  rounds: number | undefined;
  minMs: number | undefined;
  json: string | undefined;
  bundles: string | undefined;
  small: boolean;
}

/**
 * Reads options, as `--name value` or `--name=value`.
 *
 * @throws {TypeError} If an option is unknown or its value is invalid.
 */
export function parseChoice(args: readonly string[]): Choice {
  const given = new Map<string, string>();
  let small = false;
  for (let i = 0; i < args.length; i++) {
    const [name = "", inline] = split(args[i] ?? "");
    if (name === "--small") {
      small = true;
      continue;
    }
    const isKnown = /^--(only|peers|rounds|min-ms|json|bundles)$/.test(name);
    const value = inline ?? args[++i];
    if (!isKnown || value === undefined) {
      throw new TypeError(
        `Cannot understand ${name}: the options are --only, --peers, ` +
          "--rounds, --min-ms, --json and --bundles, each with a value, " +
          "and --small",
      );
    }
    given.set(name, value);
  }
  const list = (name: string) => given.get(name)?.split(",");
  const number = (name: string) => {
    const text = given.get(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (value > 0) return value;
    throw new TypeError(`Cannot use ${name} ${text}: it must be above 0`);
  };
  return {
    only: list("--only"),
    peers: list("--peers"),
    rounds: number("--rounds"),
    minMs: number("--min-ms"),
    json: given.get("--json"),
    bundles: given.get("--bundles"),
    small,
  };
}

function split(argument: string): [string, string | undefined] {
  const at = argument.indexOf("=");
  return at < 0
    ? [argument, undefined]
    : [argument.slice(0, at), argument.slice(at + 1)];
}

const USAGE = `\
Usage: deno task bench:peers [options]
       deno task bench:gpu [--small] [options]

bench:peers measures this engine beside its peers on one adapter, each in a
separate process, in turn; bench:gpu beside PyTorch on a machine with a GPU.

  --only PARTS      Cases whose names contain one of these, such as matmul,step
  --peers NAMES     Peers, such as swagpu,jax-js
  --rounds N        Rounds of every case (3; bench:gpu 5)
  --min-ms N        Least time of a sample in milliseconds (200)
  --json FILE       File to write the report to
  --bundles FOLDER  Folder of the bundled peers
  --small           Small cases, to prove the command without a GPU (bench:gpu)
  --help            Print this`;

/** Measures, prints the table, and writes JSON if asked. */
export async function runCommand(command: Command): Promise<void> {
  if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
    console.log(USAGE);
    return;
  }
  const choice = parseChoice(Deno.args);
  const { only, json, small } = choice;
  const bundles = choice.bundles ?? bundledFolder();
  const all = small ? command.smallCases : command.cases;
  if (!all) throw new TypeError("Cannot measure less: there is no --small");
  const cases = all
    .filter(({ name }) => only?.some((part) => name.includes(part)) ?? true);
  const wanted = choice.peers ?? command.peers;
  const peers = (await allPeers(bundles))
    .filter(({ name }) => wanted?.includes(name) ?? true);
  if (cases.length === 0 || peers.length === 0) {
    throw new TypeError(
      `Cannot measure ${cases.length} cases on ${peers.length} peers: ` +
        "--only and --peers leave nothing",
    );
  }
  const start = performance.now();
  const report = await measure({
    cases,
    peers,
    bundles,
    rounds: choice.rounds ?? command.rounds,
    minMs: choice.minMs ?? command.minMs,
    progress(text) {
      const seconds = Math.round((performance.now() - start) / 1000);
      console.error(`${String(seconds).padStart(4)} s  ${text}`);
    },
  });
  console.log(renderReport(report));
  if (json) {
    await Deno.writeTextFile(json, JSON.stringify(report, null, 1) + "\n");
  }
}
