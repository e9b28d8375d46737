// Copyright 2026 the swagpu authors. MIT license.

/**
 * Which of many jobs this is, by the variable that the scheduler has set.
 *
 * @module
 */

/** A variable of the environment that numbers the jobs of an array. */
interface IndexVariable {
  readonly name: string;
  /** Who sets it. */
  readonly scheduler: string;
  /** The number that it gives to the first job. */
  readonly first: 0 | 1;
}

/**
 * The variables, by what their manuals say. Slurm, Kubernetes and PBS start at 0 if
 * the job says so; GNU parallel and SGE cannot.
 */
const VARIABLES: readonly IndexVariable[] = [
  { name: "SLURM_ARRAY_TASK_ID", scheduler: "Slurm", first: 0 },
  { name: "JOB_COMPLETION_INDEX", scheduler: "Kubernetes", first: 0 },
  { name: "PBS_ARRAY_INDEX", scheduler: "PBS", first: 0 },
  { name: "PBS_ARRAYID", scheduler: "Torque", first: 0 },
  { name: "SGE_TASK_ID", scheduler: "SGE", first: 1 },
  { name: "PARALLEL_SEQ", scheduler: "GNU parallel", first: 1 },
];

/** What SGE says in a job that is no array. */
const NO_ARRAY = "undefined";

/**
 * The index of a job among those of its array, from 0 on.
 *
 * @param read Reads a variable of the environment.
 * @throws {TypeError} If no scheduler has set a variable, or a variable holds no number.
 * @throws {RangeError} If variables contradict each other, or the index is negative.
 */
export function arrayIndex(
  read: (name: string) => string | undefined,
): number {
  const found = VARIABLES.flatMap((variable) => {
    const value = read(variable.name);
    if (value === undefined || value === "" || value === NO_ARRAY) return [];
    return { ...variable, value, index: indexIn(variable, value) };
  });
  const [one, ...others] = found;
  if (!one) {
    const names = VARIABLES.map(({ name, scheduler }) =>
      `${name} (${scheduler})`
    )
      .join(", ");
    throw new TypeError(
      `Cannot use --index auto: none of ${names} is set; start the command in ` +
        "an array of jobs, or give a number",
    );
  }
  const other = others.find(({ index }) => index !== one.index);
  if (!other) return one.index;
  throw new RangeError(
    `Cannot use --index auto: ${one.name} is ${one.value}, particle ` +
      `${one.index}, but ${other.name} is ${other.value}, particle ` +
      `${other.index}; unset one of them, or give a number`,
  );
}

function indexIn({ name, first }: IndexVariable, value: string): number {
  if (!/^-?\d{1,15}$/.test(value)) {
    throw new TypeError(
      `Cannot use --index auto: ${name} is "${value}", expected a whole number`,
    );
  }
  const index = Number(value) - first;
  if (index >= 0) return index;
  throw new RangeError(
    `Cannot use --index auto: ${name} is ${value}, expected ${first} or more`,
  );
}
