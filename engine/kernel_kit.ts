export { isThenable } from "./asynchronous.ts";
export { tick, touch, type Versioned } from "./changes.ts";
export {
  type DType,
  type DTypeInfo,
  dtypeOf,
  DTYPES,
  type TypedArray,
} from "./dtype.ts";
export type { Binding, Block } from "./gpu/block.ts";
export {
  type Access,
  type Kernel,
  type ParamType,
  specialize,
} from "./gpu/kernel.ts";
export {
  dependsOn,
  isCapturing,
  onReplay,
  type Param,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
export type { Rider } from "./gpu/stream.ts";
export { declareTexels } from "./gpu/texels.ts";
export type { Expression } from "./kernels/elementwise.ts";
export { PHILOX } from "./kernels/random.ts";
export { copyStrided, type Walk } from "./launch/copy.ts";
export { addInto, copyInto, evaluateFlat, fillInto } from "./launch/flat.ts";
export {
  grid,
  type Launch,
  launch,
  part,
  type Window,
  windows,
} from "./launch/launch.ts";
export { type View, view, VIEW_SLACK } from "./launch/view.ts";
export { sumTo } from "./ops/reduce.ts";
export {
  type Distribution,
  type FillOptions,
  fillRandom,
  philox4x32,
  philoxNormal,
  philoxUniform,
  type RandomStream,
  type Words,
} from "./random.ts";
export { persist } from "./scope.ts";
export {
  broadcastShapes,
  checkShape,
  formatShape,
  sameShape,
  type Shape,
  sizeOf,
} from "./shape.ts";
export { record } from "./tape.ts";
export {
  alias,
  allocate,
  type BackwardFunction,
  type Node,
  type Storage,
} from "./tensor.ts";
export {
  chooseRowForm,
  chooseVariant,
  defineProbe,
  defineTrial,
  defineVariants,
  type Probe,
  type RowWork,
  type Trial,
} from "./tuning/choice.ts";
export { type Stopwatch, stopwatchFor } from "./tuning/stopwatch.ts";
