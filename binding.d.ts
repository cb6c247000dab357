/**
 * The contract between TypeScript and C++: everything the native module exports, and nothing else.
 * Its hash is compiled into the binary, the binary can describe itself, and a test compares both ways.
 *
 * Only handles, numbers and small Int32Array dims cross this line. Tensors are dense and row-major, channels last;
 * `dims` lists sizes in the order its comment names them. Every call checks its arguments, throws an MgError at once if
 * they do not fit, queues the work and returns the storages that will hold the results.
 */

/** A counted range of native memory with a dtype. Opaque to JavaScript. */
export interface Storage {
  readonly __storage: never;
}

/** Codes of `allocate` and the order of `DType` in lib: float32, float64, int32, uint8. */
export type DTypeCode = 0 | 1 | 2 | 3;

/** The work that a stretch of JavaScript queued, with all its memory, to be run again as one. Opaque to JavaScript. */
export interface Program {
  readonly __program: never;
}

export interface OpDescription {
  readonly args: readonly { readonly name: string; readonly type: string }[];
  readonly returns: string;
}

/** The functions that are not ops. */
export interface NativeRuntime {
  init(errorClass: new (code: string, message: string) => Error): void;
  allocate(dtype: DTypeCode, count: number): Storage;
  fromArray(data: ArrayBufferView): Storage;
  write(storage: Storage, data: ArrayBufferView): void;
  /** The values of `from` put into `to`, in queue order. Two ranges of the same memory: left as they are. */
  assign(to: Storage, from: Storage): void;
  slice(storage: Storage, offset: number, count: number): Storage;
  release(storage: Storage): void;
  read(storage: Storage): Promise<ArrayBuffer>;
  readSync(storage: Storage): ArrayBuffer;
  sync(): Promise<void>;
  setSyncMode(on: boolean): void;
  /** Where storages are made that have no argument to be beside: -1 the CPU (at first), n the n-th CUDA device. */
  usePlace(place: number): void;
  placeOf(storage: Storage): number;
  copyTo(storage: Storage, place: number): Storage;
  /** The CUDA devices that can be used, and why there are not more. */
  cuda(): {
    readonly devices: readonly {
      readonly name: string; readonly capability: number; readonly total: number; readonly free: number;
      readonly live: number; readonly cached: number; readonly peak: number;
    }[];
    readonly reason: string;
  };
  memory(): { live: number; cached: number; peak: number; allocations: number };
  emptyCache(): void;
  setMemoryLimit(bytes: number): void;
  setAllocationFault(successes: number): void;
  setThreads(count: number): void;
  /** What a fused network will do; layers of `outputs` and `states` count from 0. */
  planNetwork(spec: Int32Array, forgetBias: number, epsilon: number, budget: number, dtype: DTypeCode): {
    readonly path: string;
    readonly workspaceBytes: number;
    readonly savedBytes: number;
    /** Times that all threads are set to work and waited for, forward and (if planned) backward. */
    readonly launches: number;
    readonly forwardFlop: number;
    readonly parameters: readonly string[];
    readonly parameterShapes: readonly (readonly number[])[];
    readonly outputs: readonly (readonly [layer: number, level: number])[];
    readonly states: readonly (readonly [layer: number, level: number])[];
  };
  /** Until endProgram, what is queued runs and is kept too; reading is refused. */
  beginProgram(): void;
  /** After each run, the values of carried[i] are moved to into[i], where the next run finds them. */
  endProgram(
    inputs: readonly Storage[], carried: readonly Storage[], into: readonly Storage[], answers: readonly Storage[],
  ): Program;
  /** One run to its end, blocking: numbers for each input (null: what the storage holds). Programs run one at a time. */
  runProgram(program: Program, data: readonly (ArrayBufferView | null)[]): void;
  queueProgram(program: Program, data: readonly (ArrayBufferView | null)[]): Promise<void>;
  /** The answers of the last run, copied into a typed array each. */
  programAnswers(program: Program, into: readonly ArrayBufferView[]): void;
  /**
   * The next run does not go on where the one before ended: to be called when something else was put into what a program carries.
   * Jobs that keep an index of what they carry make it anew.
   */
  restartProgram(program: Program): void;
  releaseProgram(program: Program): void;
  /**
   * Operations a second of float32 multiply-adds on the widest registers, all threads together: the best of some runs of a few
   * milliseconds, of processor time where there is one thread.
   */
  peakFlops(): number;
  describe(): {
    readonly contract: string;
    readonly compiler: string;
    readonly simd: string;
    readonly threads: number;
    readonly ops: Readonly<Record<string, OpDescription>>;
  };
}

/** The ops. */
export interface NativeOps {
  // Elementwise. `dims` of unary ops: [kind]; of binary: [kind, …shape of y, …strides of a, …strides of b].
  unary(x: Storage, dims: Int32Array): Storage;
  unaryBackward(dy: Storage, x: Storage, y: Storage, dims: Int32Array): Storage;
  binary(a: Storage, b: Storage, dims: Int32Array): Storage;
  copy(x: Storage): Storage;
  /** dims: [dtype of y] */
  cast(x: Storage, dims: Int32Array): Storage;
  /** dims: [dtype] */
  fill(dims: Int32Array, count: number, value: number): Storage;
  /** dims: [dtype, 0 uniform | 1 normal, key low, key high]; `first` is the first draw, of two words each. */
  random(dims: Int32Array, count: number, first: number, a: number, b: number): Storage;

  // Reductions of x [outer, length, inner] over its middle axis. dims: [0 sum | 1 max, outer, length, inner].
  reduce(x: Storage, dims: Int32Array): Storage;
  /** dx of max: dy at the first element of each line that equals y, else 0. dims: [outer, length, inner] */
  maxBackward(dy: Storage, x: Storage, y: Storage, dims: Int32Array): Storage;

  // Convolution, SAME, stride 1, of inputs joined on channels; x_j [B,H,W,Cj], kernel [KH,KW,ΣCj,C], bias [C], y [B,H,W,C].
  // dims: [B, H, W, KH, KW, C, C1, C2, …].
  convForward(inputs: readonly Storage[], kernel: Storage, bias: Storage | null, dims: Int32Array): Storage;
  /** dx_j of the inputs j with wanted[j] = 1, in order. */
  convBackwardData(dy: Storage, kernel: Storage, dims: Int32Array, wanted: Int32Array): Storage[];
  /** [dkernel, dbias] */
  convBackwardWeight(inputs: readonly Storage[], dy: Storage, dims: Int32Array): Storage[];

  // Elements moved, of any dtype. dims of stridedRead: [offset, …shape of y, …strides in x]; of stridedWrite:
  // [count of y, offset, …shape of x, …strides in y], zero elsewhere; of join: [outer, …widths], xs[j] [outer, widths[j]].
  stridedRead(x: Storage, dims: Int32Array): Storage;
  stridedWrite(x: Storage, dims: Int32Array): Storage;
  join(xs: readonly Storage[], dims: Int32Array): Storage;
  /** x [rows, width], indices int32 [picks], y [picks, width]; NaN where an index is outside. dims: [rows, width, picks] */
  gather(x: Storage, indices: Storage, dims: Int32Array): Storage;
  gatherBackward(dy: Storage, indices: Storage, dims: Int32Array): Storage;
  /** dims: [dtype, depth] */
  oneHot(indices: Storage, dims: Int32Array): Storage;

  // Steps between the levels of a pyramid. dims: [B, H, W, C, 0 grid | 1 line] of x; a line has H = 1.
  maxPool(x: Storage, dims: Int32Array): Storage;
  maxPoolBackward(dy: Storage, x: Storage, dims: Int32Array): Storage;
  gridUp(x: Storage, dims: Int32Array): Storage;
  gridUpBackward(dy: Storage, dims: Int32Array): Storage;

  // y [rows, channels] plus a shortcut [rows, shared] in its first channels, and those channels alone.
  // dims: [rows, channels, shared].
  addChannels(y: Storage, shortcut: Storage, dims: Int32Array): Storage;
  firstChannels(y: Storage, dims: Int32Array): Storage;

  // An LSTM step from the sums [rows, 4·channels], gates i, u, f, o, and the cell [rows, channels]; peephole [3, period].
  // dims: [rows, channels, period]; period 0 goes with no peephole.
  /** [hidden, cell, squashed gates] */
  lstmCellForward(sums: Storage, cell: Storage, peephole: Storage | null, dims: Int32Array, forgetBias: number): Storage[];
  /** [dsums, dcell, dpeephole unless there is none]; `gates` and `cell` as forward made them, `before` the cell it was given. */
  lstmCellBackward(
    dhidden: Storage | null, dcell: Storage | null, gates: Storage, cell: Storage, before: Storage,
    peephole: Storage | null, dims: Int32Array,
  ): Storage[];

  // Normalization of the columns of x [rows, columns]; gamma, beta, mean, variance [columns]. dims: [rows, columns].
  /** [y, mean, variance, statistics], from the statistics of x. `statistics` are float64 [2, columns], for backward. */
  batchNorm(x: Storage, gamma: Storage, beta: Storage, dims: Int32Array, epsilon: number): Storage[];
  /** [y, statistics], from the statistics given. */
  normalize(
    x: Storage, mean: Storage, variance: Storage, gamma: Storage, beta: Storage, dims: Int32Array, epsilon: number,
  ): Storage[];
  /** [dx, dgamma, dbeta]. dims: [rows, columns, 1 statistics of x | 0 given ones]. */
  normalizeBackward(dy: Storage, x: Storage, statistics: Storage, gamma: Storage, dims: Int32Array): Storage[];

  // A whole window of a multigrid network, described by lib/ops/network/network-spec.ts. `state` is empty (zeros) or all
  // hidden grids, then all cell grids; grids and parameters in the order of planNetwork.
  /** [outputs…, hidden…, cell…, saved] */
  networkForward(
    spec: Int32Array, forgetBias: number, epsilon: number, budget: number,
    parameters: readonly Storage[], fields: readonly Storage[], state: readonly Storage[],
  ): Storage[];
  /** `gradients` of outputs, hidden, cell; wanted: [1 if those of the initial state are].
   *  Gives [parameters…, fields…, hidden…, cell…]. */
  networkBackward(
    spec: Int32Array, forgetBias: number, epsilon: number, budget: number,
    parameters: readonly Storage[], fields: readonly Storage[], state: readonly Storage[],
    outputs: readonly Storage[], saved: Storage, gradients: readonly (Storage | null)[], wanted: Int32Array,
  ): Storage[];

  // Losses summed to one element. bce: logits and target [count], mask [count / span]; dims: [count, span].
  // crossEntropy: logits [rows, classes], class numbers int32 [rows], mask [rows]; dims: [rows, classes].
  bce(logits: Storage, target: Storage, mask: Storage | null, dims: Int32Array): Storage;
  bceBackward(dy: Storage, logits: Storage, target: Storage, mask: Storage | null, dims: Int32Array): Storage;
  crossEntropy(logits: Storage, classes: Storage, mask: Storage | null, dims: Int32Array): Storage;
  crossEntropyBackward(dy: Storage, logits: Storage, classes: Storage, mask: Storage | null, dims: Int32Array): Storage;
  /** dims: [0 softmax | 1 its logarithm, rows, length] */
  softmax(x: Storage, dims: Int32Array): Storage;
  softmaxBackward(dy: Storage, y: Storage, dims: Int32Array): Storage;

  /** y [batch, M, N] = a [batch, M, K] · b [batch, K, N], or b [batch, N, K] transposed, + bias [N].
   *  dims: [batch, M, K, N, transposed] */
  matmul(a: Storage, b: Storage, bias: Storage | null, dims: Int32Array): Storage;
  /** [batch, K, N] = aᵀ · dy for a [batch, M, K], dy [batch, M, N]. dims: [batch, M, K, N] */
  matmulOuter(a: Storage, dy: Storage, dims: Int32Array): Storage;

  /** √Σx² over the list, [1]. */
  globalNorm(xs: readonly Storage[]): Storage;
  /** Each x times min(1, maxNorm / norm); unchanged when the norm is not finite. */
  clipByNorm(xs: readonly Storage[], norm: Storage, maxNorm: number): Storage[];
  /** Each element brought into −limit … limit. */
  clipByValue(xs: readonly Storage[], limit: number): Storage[];
  // Steps in place over lists of the same order. With a norm, gradients count min(1, maxNorm / norm) times and nothing changes
  // when it is not finite. Lists of states that are not kept are empty. dims of sgdStep: [nesterov]; of adamStep: [decoupled];
  // of rmspropStep: [0 tensorflow | 1 pytorch | 2 graves]. `steps` are float64 [1], counted up.
  sgdStep(
    parameters: readonly Storage[], grads: readonly Storage[], momenta: readonly Storage[], norm: Storage | null,
    dims: Int32Array, maxNorm: number, lr: number, weightDecay: number, momentum: number,
  ): void;
  adamStep(
    parameters: readonly Storage[], grads: readonly Storage[], firsts: readonly Storage[], seconds: readonly Storage[],
    steps: readonly Storage[], norm: Storage | null, dims: Int32Array, maxNorm: number, lr: number, weightDecay: number,
    beta1: number, beta2: number, epsilon: number,
  ): void;
  rmspropStep(
    parameters: readonly Storage[], grads: readonly Storage[], squares: readonly Storage[], means: readonly Storage[],
    momenta: readonly Storage[], norm: Storage | null, dims: Int32Array, maxNorm: number, lr: number, weightDecay: number,
    decay: number, epsilon: number, momentum: number,
  ): void;

  // A window of a differentiable neural computer. dims: [T, B, I, H, N, W, R, V, 1 + softplus strengths, usage gradient into
  // write weights, content as second read mode]; H = 0: no controller, x is the interface. lengths: empty, or [B].
  // inputs: x [T,B,I], gates weight [I+RW+H,4H] and bias, interface weight [H,D] and bias, then the state: memory [B,N,W],
  // usage [B,N], link [B,V,N,N], precedence [B,V,N], read [B,R,N], write [B,V,N], words [B,R,W], hidden and cell [B,H].
  /** [hidden [T,B,H], words [T,B,R,W], the state after, then six storages for backward, empty unless recorded]. mode: recorded,
   *  and whether the link after takes the place of the link given, which nothing else may look at (only where nothing is
   *  recorded). */
  dncForward(
    inputs: readonly Storage[], lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number,
    mode: Int32Array,
  ): Storage[];
  /** `steps`: hidden and words of forward; `gradients` at its first eleven results. Gives those at the inputs.
   *  wanted: [1 if that of the link is]. */
  dncBackward(
    inputs: readonly Storage[], steps: readonly Storage[], trace: readonly Storage[], gradients: readonly (Storage | null)[],
    lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number, wanted: Int32Array,
    linkBudgetBytes: number,
  ): Storage[];

  // A window of a sparse access memory. dims: [T, B, I, H, N, W, R, K, links of a slot K_L, rows of the state before, rows of the
  // state after, most live rows before, 1 if heads have strengths, 1 if links are read as printed, how rows are found (0: among
  // the touched ones; 1: all are live from the first step; by an index, on the CPU alone: 2 lsh, 3 kdtree), rows that an index is
  // asked for]; H = 0: no controller, x is the interface. inputs: x [T,B,I], gates weight [I+RW+H,4H] and bias, interface
  // weight [H,D] and bias, then the state: memory [B,C,W], ring int32 [B,C+1,2], counts int32 [B,2], slots int32 [B,R,K], weights
  // [B,R,K], words [B,R,W], hidden and cell [B,H], links int32 and of numbers [B,C,2,R,K_L], precedence int32 and of numbers
  // [B,R,K_L].
  /** [hidden [T,B,H], words [T,B,R,W], the state after, then eight storages for backward, empty unless recorded]. mode: recorded,
   *  and whether memory, ring and links take the place of those given, which nothing else may look at (only where nothing is
   *  recorded). */
  samForward(
    inputs: readonly Storage[], lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number,
    delta: number, mode: Int32Array,
  ): Storage[];
  /** `steps`: hidden and words of forward and the memory after it; `gradients` at its first fourteen results, null at indices and
   *  links. Gives those at the inputs but these. wanted: [1 if that of the memory is, 1 if also the memory that rolling back
   *  ends at]. */
  samBackward(
    inputs: readonly Storage[], steps: readonly Storage[], trace: readonly Storage[], gradients: readonly (Storage | null)[],
    lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number, delta: number, wanted: Int32Array,
  ): Storage[];

  // A window of a dense access memory. dims: [T, B, I, H, N, W, R, 1 if heads have strengths]; H = 0: no controller, x is the
  // interface. inputs: as of samForward up to the state: memory [B,N,W], usage [B,N], read [B,R,N], words [B,R,W], hidden and
  // cell [B,H].
  /** [hidden [T,B,H], words [T,B,R,W], the state after, then five storages for backward, empty unless recorded]. mode:
   *  [recorded]. */
  damForward(
    inputs: readonly Storage[], lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number,
    discount: number, mode: Int32Array,
  ): Storage[];
  /** `steps`: hidden and words of forward; `gradients` at its first eight results. Gives those at the inputs. */
  damBackward(
    inputs: readonly Storage[], steps: readonly Storage[], trace: readonly Storage[], gradients: readonly (Storage | null)[],
    lengths: Int32Array, dims: Int32Array, forgetBias: number, clip: number, epsilon: number, discount: number,
  ): Storage[];

  /** Each element brought into −limit … limit. */
  clip(x: Storage, limit: number): Storage;
  clipBackward(dy: Storage, x: Storage, limit: number): Storage;
}

export interface NativeBinding extends NativeRuntime, NativeOps {}
