import type { Task } from "./task.ts";
export const textClassification: Task = undefined as never;
