// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `completions`, which prints a script that completes the others.
 *
 * @module
 */

import { type Command, HELP_OPTION } from "./arguments.ts";
import {
  type Completed,
  completionScript,
  type Shell,
  SHELLS,
} from "./completion_scripts.ts";
import { installation } from "./runtime.ts";
import { print } from "./standard_output.ts";

/**
 * Makes the command.
 *
 * @param completed Gives what to complete, this command included.
 */
export function completions(completed: () => Completed): Command {
  return {
    name: "completions",
    summary:
      "Prints a script that completes commands in a shell: bash, zsh or " +
      "fish.",
    operands: SHELLS,
    usage: SHELLS.join("|"),
    options: { Help: [HELP_OPTION] },
    notes: NOTES,
    async run({ operand }) {
      const shell = SHELLS.find((name): name is Shell => name === operand);
      if (shell === undefined) {
        throw new TypeError(
          `Cannot complete without a shell: name ${SHELLS.join(", ")}`,
        );
      }
      await print(completionScript(shell, completed()).trimEnd());
      return 0;
    },
  };
}

const NOTES = `Examples:
  swagpu completions bash > ~/.local/share/bash-completion/completions/swagpu
  swagpu completions zsh > ~/.zfunc/_swagpu
  swagpu completions fish > ~/.config/fish/completions/swagpu.fish

Installation: the folder of the file must exist, and a new shell reads it.
  bash  needs the package bash-completion to find the file. Without it, add this
        line to ~/.bashrc: eval "$(swagpu completions bash)"
  zsh   needs these lines in ~/.zshrc: fpath=(~/.zfunc $fpath)
        autoload -Uz compinit && compinit
  fish  finds the file by itself.
The scripts complete a program named swagpu, which this installs:
  ${installation()}
After an update of swagpu, print the script again.`;
