// Copyright 2026 the swagpu authors. MIT license.

/**
 * Scripts that teach shells to complete the command line. They are made from the
 * tables of options that the help is made from, so that they know the same options.
 *
 * @module
 */

import { type Command, type Option, overviewOf } from "./arguments.ts";

/** The shells that there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The name of a shell. */
export type Shell = (typeof SHELLS)[number];

/** What the scripts complete. */
export interface Completed {
  /** The name of the program. */
  readonly program: string;
  readonly commands: readonly Command[];
}

/** Writes the script for a shell. */
export function completionScript(shell: Shell, completed: Completed): string {
  const lines = { bash, zsh, fish }[shell](completed);
  return lines.map((line) => line + "\n").join("");
}

/** What a value may be completed with. */
type Values =
  | { readonly kind: "none" | "files" | "folders" }
  | { readonly kind: "words"; readonly words: readonly string[] };

/** What the value of an option may be; `undefined` for a switch. */
function valuesOf({ value, choices }: Option): Values | undefined {
  if (value === undefined) return undefined;
  if (choices) return { kind: "words", words: choices };
  const words = value.split("|");
  if (words.includes("FILE")) return { kind: "files" };
  if (words.includes("DIR")) return { kind: "folders" };
  const isLiteral = words.length > 1 &&
    words.every((word) => /^[a-z][\w-]*$/.test(word));
  return isLiteral ? { kind: "words", words } : { kind: "none" };
}

/** The options of a command, and those of the commands that it consists of. */
function optionsOf({ options, parts = {} }: Command): readonly Option[] {
  const own = Object.values(options).flat();
  const all = [...Object.values(parts).flatMap(optionsOf), ...own];
  // The parts share some, which may differ in their help.
  const byName = new Map(all.toReversed().map((one) => [one.name, one]));
  return [...byName.values()].reverse();
}

/** The words that may follow the name of a command. */
function wordsAfter({ operands = [], parts = {} }: Command): string[] {
  return [...operands, ...Object.keys(parts)];
}

/** The words that may stand in the place of a command. */
function firstWords(commands: readonly Command[]): string[] {
  return [...commands.map(({ name }) => name), "--help", "--version"];
}

/** The name of the shell function that completes. */
function functionOf(program: string): string {
  return `_${program.replaceAll(/\W/g, "_")}`;
}

// ------------------------------------------------------------------------ bash

// The script also runs on bash 3.2, which macOS has.
function bash({ program, commands }: Completed): string[] {
  const name = functionOf(program);
  const cases = commands.flatMap((command) => [
    `    ${command.name})`,
    ...bashValues(command, `${name}_paths`),
    `      words="${
      [
        ...wordsAfter(command),
        ...optionsOf(command).map(({ name }) => `--${name}`),
      ].join(" ")
    }"`,
    "      ;;",
  ]);
  return [
    `# bash completion of ${program}`,
    `${name}_paths() {`,
    "  local path",
    "  COMPREPLY=()",
    "  compopt -o filenames 2>/dev/null",
    "  while IFS= read -r path; do",
    '    COMPREPLY+=("$path")',
    '  done < <(compgen "$1" -- "$2")',
    "}",
    `${name}() {`,
    '  local current="${COMP_WORDS[COMP_CWORD]}"',
    '  local previous="${COMP_WORDS[COMP_CWORD-1]}"',
    '  local words=""',
    "  COMPREPLY=()",
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${
      firstWords(commands).join(" ")
    }" -- "$current"))`,
    "    return",
    "  fi",
    "  # bash makes three words of --option=value.",
    '  if [ "$current" = "=" ]; then',
    '    current=""',
    '  elif [ "$previous" = "=" ]; then',
    '    previous="${COMP_WORDS[COMP_CWORD-2]}"',
    "  fi",
    '  case "${COMP_WORDS[1]}" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    `complete -F ${name} ${program}`,
  ];
}

/** The part that completes the values of a command's options. */
function bashValues(command: Command, paths: string): string[] {
  const cases = optionsOf(command).flatMap((option) => {
    const values = valuesOf(option);
    if (!values) return [];
    const action = values.kind === "words"
      ? `COMPREPLY=($(compgen -W "${values.words.join(" ")}" -- "$current"))`
      : values.kind === "files"
      ? `${paths} -f "$current"`
      : values.kind === "folders"
      ? `${paths} -d "$current"`
      : "";
    return [{ action, name: `--${option.name}` }];
  });
  // Options with the same values share a line.
  const actions = [...new Set(cases.map(({ action }) => action))];
  return [
    '      case "$previous" in',
    ...actions.map((action) => {
      const names = cases.filter((one) => one.action === action)
        .map(({ name }) => name);
      return `        ${names.join("|")}) ${
        action ? `${action}; ` : ""
      }return ;;`;
    }),
    "      esac",
  ];
}

// ------------------------------------------------------------------------- zsh

function zsh({ program, commands }: Completed): string[] {
  const name = functionOf(program);
  return [
    `#compdef ${program}`,
    `${name}() {`,
    "  local context state state_descr line",
    "  typeset -A opt_args",
    "  _arguments -C \\",
    "    '(- *)--help[Print the commands.]' \\",
    "    '(- *)--version[Print the version.]' \\",
    "    '1:command:->command' \\",
    "    '*::option:->option'",
    "  case $state in",
    "    command)",
    "      local -a commands",
    "      commands=(",
    ...commands.map((command) =>
      `        ${
        quoted(`${command.name}:${escaped(overviewOf(command), /[\\:]/g)}`)
      }`
    ),
    "      )",
    "      _describe command commands",
    "      ;;",
    "    option)",
    "      case $line[1] in",
    ...commands.flatMap((command) => [
      `        ${command.name})`,
      "          _arguments \\",
      ...[
        ...wordsAfter(command).length > 0
          ? [`'1:word:(${wordsAfter(command).join(" ")})'`]
          : [],
        ...optionsOf(command).map(zshOption),
      ].map((spec, i, { length }) =>
        `            ${spec}${i < length - 1 ? " \\" : ""}`
      ),
      "          ;;",
    ]),
    "      esac",
    "      ;;",
    "  esac",
    "}",
    "# The file may be found by its name, or be read by the shell.",
    `if [ "$funcstack[1]" = "${name}" ]; then`,
    `  ${name} "$@"`,
    "else",
    `  compdef ${name} ${program}`,
    "fi",
  ];
}

function zshOption(option: Option): string {
  const { name, value, help, repeatable } = option;
  const values = valuesOf(option);
  const action = !values
    ? ""
    : `:${escaped(value ?? "", /[\\:]/g)}:${
      values.kind === "words"
        ? `(${values.words.join(" ")})`
        : values.kind === "files"
        ? "_files"
        : values.kind === "folders"
        ? "_files -/"
        : " "
    }`;
  const text = escaped(help, /[\\[\]:]/g);
  return quoted(
    `${repeatable ? "*" : ""}--${name}${values ? "=" : ""}[${text}]${action}`,
  );
}

/** Puts a backslash before characters that mean something else. */
function escaped(text: string, special: RegExp): string {
  return text.replaceAll(special, "\\$&");
}

/** A text in quotes, as bash and zsh read it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// ------------------------------------------------------------------------ fish

function fish({ program, commands }: Completed): string[] {
  const start = `complete -c ${program}`;
  const first = `${start} -n '__fish_use_subcommand'`;
  return [
    `# fish completion of ${program}`,
    `${start} -f`,
    `${first} -l help -d 'Print the commands.'`,
    `${first} -l version -d 'Print the version.'`,
    ...commands.map((command) =>
      `${first} -a ${command.name} -d ${fishText(overviewOf(command))}`
    ),
    ...commands.flatMap((command) => {
      const own = `${start} -n '__fish_seen_subcommand_from ${command.name}'`;
      const words = wordsAfter(command);
      return [
        ...words.length > 0 ? [`${own} -a ${fishText(words.join(" "))}`] : [],
        ...optionsOf(command).map((option) =>
          `${own} -l ${option.name}${fishValues(option)} -d ${
            fishText(option.help)
          }`
        ),
      ];
    }),
  ];
}

function fishValues(option: Option): string {
  const values = valuesOf(option);
  switch (values?.kind) {
    case undefined:
      return "";
    case "words":
      return ` -x -a ${fishText(values.words.join(" "))}`;
    case "files":
      return " -r -F";
    case "folders":
      return " -x -a '(__fish_complete_directories)'";
    case "none":
      return " -x";
  }
}

/** A text in quotes, as fish reads it. */
function fishText(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
