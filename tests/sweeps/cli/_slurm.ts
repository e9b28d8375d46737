// Copyright 2026 the swagpu authors. MIT license.

// A Slurm of one's own: a controller and a node, both on this machine, with all
// their files in one folder. Debian's slurm-wlm has the programs.

/** What a program wrote. */
export interface Printed {
  code: number;
  out: string;
  err: string;
}

/** Where Debian keeps the daemons, which is not in the path of every user. */
const PATH = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;

/** Runs a program. */
export async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Printed> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    ...options.cwd === undefined ? {} : { cwd: options.cwd },
    env: { PATH, ...options.env },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** The first of some programs that is not installed, if there is one. */
export async function missingProgram(
  ...programs: readonly string[]
): Promise<string | undefined> {
  for (const program of programs) {
    const { code } = await run("sh", ["-c", `command -v ${program}`]);
    if (code !== 0) return program;
  }
  return undefined;
}

/** A port that is free. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** How many jobs run at once: a job's end takes Slurm seconds that need no CPU. */
const CPUS = 6;

/** A Slurm that runs until it is disposed. */
export class Slurm implements AsyncDisposable {
  readonly #folder: string;
  readonly #daemons: Deno.ChildProcess[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts a controller and a node, and waits until they take jobs. */
  static async start(folder: string): Promise<Slurm> {
    const slurm = new Slurm(folder);
    const host = Deno.hostname().split(".")[0] ?? "localhost";
    const { out: user } = await run("id", ["-un"]);
    for (const name of ["state", "spool"]) {
      await Deno.mkdir(`${folder}/${name}`);
    }
    const settings: [string, string | number][] = [
      ["ClusterName", "swagpu"],
      ["SlurmctldHost", `${host}(127.0.0.1)`],
      ["SlurmctldPort", freePort()],
      ["SlurmdPort", freePort()],
      // Nobody else reaches the ports of this machine.
      ["AuthType", "auth/none"],
      ["CredType", "cred/none"],
      ["SlurmUser", user.trim()],
      ["SlurmdUser", user.trim()],
      ["StateSaveLocation", `${folder}/state`],
      ["SlurmdSpoolDir", `${folder}/spool`],
      ["SlurmctldPidFile", `${folder}/slurmctld.pid`],
      ["SlurmdPidFile", `${folder}/slurmd.pid`],
      ["ProctrackType", "proctrack/pgid"],
      ["TaskPlugin", "task/none"],
      ["JobAcctGatherType", "jobacct_gather/none"],
      ["AccountingStorageType", "accounting_storage/none"],
      ["SelectType", "select/cons_tres"],
      ["SelectTypeParameters", "CR_Core"],
      ["SchedulerType", "sched/builtin"],
      [
        "SchedulerParameters",
        "sched_interval=1,sched_min_interval=0,batch_sched_delay=0",
      ],
      ["SlurmdParameters", "config_overrides"],
      ["MailProg", "/bin/true"],
      ["ReturnToService", 2],
    ];
    const lines = [
      ...settings.map(([name, value]) => `${name}=${value}`),
      `NodeName=${host} NodeAddr=127.0.0.1 CPUs=${CPUS} State=UNKNOWN`,
      "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
    ];
    await Deno.writeTextFile(
      `${folder}/slurm.conf`,
      lines.map((line) => `${line}\n`).join(""),
    );
    try {
      for (const daemon of ["slurmctld", "slurmd"]) slurm.#spawn(daemon);
      await slurm.#wait();
    } catch (error) {
      await slurm[Symbol.asyncDispose]();
      throw error;
    }
    return slurm;
  }

  #spawn(daemon: string): void {
    const log = `${this.#folder}/${daemon}.log`;
    this.#daemons.push(
      new Deno.Command("sh", {
        args: ["-c", `exec ${daemon} -D > "$0" 2>&1`, log],
        env: { PATH, ...this.env },
        stdin: "null",
      }).spawn(),
    );
  }

  async #wait(): Promise<void> {
    let state = "";
    for (let tries = 0; tries < 100; tries++) {
      const { out, err } = await this.call("sinfo", ["-h", "-o", "%T"]);
      state = out.trim() + err.trim();
      if (state === "idle") return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const logs = ["slurmctld", "slurmd"].map((name) =>
      Deno.readTextFileSync(`${this.#folder}/${name}.log`)
    );
    throw new Error(`Slurm did not start: ${state}\n${logs.join("\n")}`);
  }

  /** The variables by which Slurm's programs find it. */
  get env(): Record<string, string> {
    return { SLURM_CONF: `${this.#folder}/slurm.conf` };
  }

  /** Runs one of Slurm's programs. */
  async call(
    program: string,
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string> } = {},
  ): Promise<Printed> {
    return await run(program, args, {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** The tasks of all arrays that have not ended: index, state and reason. */
  async tasks(): Promise<{ index: number; id: string; state: string }[]> {
    const { out } = await this.call("squeue", [
      "-h",
      "-r",
      "-o",
      "%K %i %T %r",
    ]);
    return out.split("\n").filter((line) => line !== "").map((line) => {
      const [index, id = "", state = "", reason = ""] = line.split(" ");
      return {
        index: Number(index),
        id,
        state: reason === "BeginTime" ? "DELAYED" : state,
      };
    });
  }

  /** Ends all jobs and both daemons. */
  async [Symbol.asyncDispose](): Promise<void> {
    const tasks = await this.tasks();
    if (tasks.length > 0) {
      await this.call("scancel", tasks.map(({ id }) => id));
    }
    for (const daemon of this.#daemons.reverse()) {
      try {
        daemon.kill("SIGTERM");
      } catch { // It has ended by itself.
      }
      await daemon.status;
    }
  }
}
