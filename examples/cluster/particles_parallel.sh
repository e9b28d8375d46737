#!/usr/bin/env bash
# Trains the particles of a run with GNU parallel, some at a time:
#
#   swagpu finetune --data train.csv --model google-bert/bert-base-uncased --swag \
#     --save-every epoch --particles 16 --output run
#   particles_parallel.sh run 16 --jobs 2
#   swagpu merge run
#
# What comes after the number of particles goes to parallel: --jobs N says how many run
# at once, and --sshlogin a,b --workdir . spreads them over machines that share the
# folder. A particle that fails is tried three times. Run the same line again for what
# is still missing: particles that are done are left alone.
set -euo pipefail

run=${1:?say which run and how many particles, such as: run 16}
count=${2:?say how many particles the run has, such as: run 16}
shift 2

seq "$count" |
  parallel --retries 3 "$@" -N0 swagpu particle --run "$run" --index auto
