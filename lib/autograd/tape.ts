/** The graph of recorded operations, walked backwards as a flat list in the order of recording. */
import { checkFunction, fail, words } from '../check.js';
import { adopt, allOrNothing, refusePromise, unscoped, type Owned } from '../tensor/scope.js';
import { sameShape } from '../tensor/shape.js';
import { Tensor, type Producer } from '../tensor/tensor.js';

/** Gradients at the outputs in, gradients at the inputs out. `needs[i]` tells whether anybody wants the i-th. */
export type Backward = (
  dys: readonly (Tensor | null)[],
  saved: readonly Tensor[],
  needs: readonly boolean[],
) => readonly (Tensor | null)[];

let recording = true;
let nextId = 0;

/** Operations whose gradients need the shapes of what they save, not the values. */
const SHAPES_ALONE = new Set(['add', 'sub', 'neg', 'cast', 'to', 'clone']);

/** One recorded operation: where its inputs came from and how gradients go back through it. */
class Operation implements Producer, Owned {
  readonly id = nextId++;
  owner: Owned['owner'] = null;
  readonly needs: readonly boolean[];
  /** For each input: the leaf to add to, or the operation and output it came from. */
  readonly edges: readonly ({ leaf: Tensor } | { operation: Operation; output: number } | null)[];
  #saved: readonly Tensor[];
  /** What the saved tensors were when they were saved. */
  readonly #versions: readonly { name: string; version: number }[];
  #backward: Backward | null;

  constructor(
    readonly op: string,
    inputs: readonly Tensor[],
    readonly outputs: number,
    saved: readonly Tensor[],
    backward: Backward,
  ) {
    this.needs = inputs.map((x) => x.requiresGrad);
    this.edges = inputs.map((x) => {
      if (!x.requiresGrad) return null;
      return x.producer === null ? { leaf: x } : { operation: x.producer as Operation, output: x.outputIndex };
    });
    this.#saved = unscoped(() => saved.map((x) => x.alias(op)));
    this.#versions = saved.map(({ name, version }) => ({ name, version }));
    this.#backward = backward;
    adopt(this);
  }

  run(dys: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    if (this.#backward === null) {
      fail('ERR_MG_DISPOSED', 'backward', `the graph of ${this.op}`, words('one already used or freed with its scope'));
    }
    if (!SHAPES_ALONE.has(this.op)) this.#checkUnchanged();
    return this.#backward(dys, this.#saved, this.needs);
  }

  #checkUnchanged(): void {
    this.#saved.forEach((x, i) => {
      const { name, version } = this.#versions[i]!;
      if (x.version === version) return;
      const which = name === ''
        ? `tensor ${i + 1} of ${this.op} [${x.shape.join(', ')}]`
        : `${this.op} of ${JSON.stringify(name)}`;
      const got = words('values changed in place since (copyFrom, an optimizer\'s step, loadStateDict)');
      fail(
        'ERR_MG_ARGUMENT',
        'backward',
        `the values that ${which} has seen`,
        got,
        'go back before they change, or clone() them',
      );
    });
  }

  [Symbol.dispose](): void {
    this.owner?.forget(this);
    for (const x of this.#saved) x.dispose();
    this.#saved = [];
    this.#backward = null;
  }
}

/**
 * Records that `outputs` were made from `inputs`, if any of them needs a gradient. `saved` tensors stay alive for the
 * backward pass whatever their owners do, and are handed to it. Returns `outputs`.
 */
export function record<Y extends Tensor | readonly Tensor[]>(
  op: string,
  inputs: readonly Tensor[],
  outputs: Y,
  saved: readonly Tensor[],
  backward: Backward,
): Y {
  if (!recording || !inputs.some((x) => x.requiresGrad)) return outputs;
  const list = (Array.isArray(outputs) ? outputs : [outputs]) as readonly Tensor[];
  const operation = new Operation(op, inputs, list.length, saved, backward);
  list.forEach((y, i) => {
    y.requiresGrad = true;
    y.producer = operation;
    y.outputIndex = i;
  });
  return outputs;
}

export function isRecording(): boolean {
  return recording;
}

/** Runs `fn` without recording. Rejects a function that returns a promise. */
export function noGrad<T>(fn: () => T): T {
  checkFunction('noGrad', 'fn', fn);
  const before = recording;
  recording = false;
  try {
    const result = fn();
    refusePromise('noGrad', result, 'put noGrad around the synchronous part');
    return result;
  } finally {
    recording = before;
  }
}

/** Runs `fn` with recording on, also inside {@link noGrad}: a gradient is asked for. */
export function recorded<T>(fn: () => T): T {
  const before = recording;
  recording = true;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

/** Everything reachable from `root` and recorded since `first`, latest first: an operation comes before all it depends on. */
function reachable(root: Operation, first: number): Operation[] {
  const seen = new Set<Operation>([root]);
  const open = [root];
  for (let operation = open.pop(); operation !== undefined; operation = open.pop()) {
    for (const edge of operation.edges) {
      if (edge === null || 'leaf' in edge || edge.operation.id < first || seen.has(edge.operation)) continue;
      seen.add(edge.operation);
      open.push(edge.operation);
    }
  }
  return [...seen].sort((a, b) => b.id - a.id);
}

/** a + b into a fresh tensor; given by the ops room, which lies above this one. */
type Adder = (a: Tensor, b: Tensor) => Tensor;
let add: Adder = () => fail('ERR_MG_ARGUMENT', 'backward', 'the ops to be loaded', words('none'));
export function setGradientAdder(adder: Adder): void {
  add = adder;
}

function accumulate(held: Tensor | null, dx: Tensor): Tensor {
  if (held === null) return dx;
  const total = add(held, dx);
  held.dispose();
  dx.dispose();
  return total;
}

/** Of a leaf: the gradient to add to, null for none yet, undefined where none is wanted. */
type Held = (leaf: Tensor) => Tensor | null | undefined;

/**
 * d root / d leaf, times `seed` (1), added to what is held of each leaf that is wanted. What was recorded before `first` is a
 * constant; the operations since then are freed.
 */
function pullBack(root: Tensor, seed: Tensor | undefined, first: number, held: Held): Map<Tensor, Tensor> {
  if (seed === undefined && root.size !== 1)
    fail('ERR_MG_SHAPE', 'backward', 'a tensor of one element, or a seed of its shape', words(root.toString()));
  const gradients = new Map<Tensor, Tensor>();
  const addTo = (leaf: Tensor, dx: Tensor): void => {
    const before = gradients.get(leaf) ?? held(leaf);
    if (before === undefined) dx.dispose();
    else gradients.set(leaf, accumulate(before, dx));
  };
  allOrNothing(() =>
    noGrad(() => {
      const { shape, dtype, device } = root;
      const start = seed === undefined ? Tensor.full(shape, 1, { dtype, device }) : seed.alias('backward');
      const last = root.producer as Operation | null;
      if (last === null) {
        addTo(root, start);
        return;
      }
      if (last.id < first) {
        start.dispose();
        return;
      }
      const pending = new Map<Operation, (Tensor | null)[]>();
      const at = (operation: Operation): (Tensor | null)[] => {
        let dys = pending.get(operation);
        if (dys === undefined) pending.set(operation, dys = new Array<Tensor | null>(operation.outputs).fill(null));
        return dys;
      };
      at(last)[root.outputIndex] = start;
      for (const operation of reachable(last, first)) {
        const dys = at(operation);
        const dxs = operation.run(dys);
        operation.edges.forEach((edge, i) => {
          let dx = dxs[i] ?? null;
          if (dx === null) return;
          if (dys.includes(dx)) dx = dx.alias('backward');
          if (edge === null) dx.dispose();
          else if ('leaf' in edge) addTo(edge.leaf, dx);
          else if (edge.operation.id < first) dx.dispose();
          else at(edge.operation)[edge.output] = accumulate(at(edge.operation)[edge.output] ?? null, dx);
        });
        for (const dy of dys) dy?.dispose();
        pending.delete(operation);
        operation[Symbol.dispose]();
      }
    })
  );
  return gradients;
}

/**
 * Adds d root / d leaf, times `seed`, to `.grad` of every leaf that needs one, and frees the graph.
 * Without a seed the root must have one element (ERR_MG_SHAPE). Sums are made in a fixed order. If memory runs out on the
 * way (ERR_MG_MEMORY), no gradient changes.
 */
export function backward(root: Tensor, seed?: Tensor): void {
  if (!root.requiresGrad) {
    fail('ERR_MG_ARGUMENT', 'backward', 'a tensor that depends on one with requiresGrad', words(root.toString()));
  }
  if (seed !== undefined && (!sameShape(seed.shape, root.shape) || seed.dtype !== root.dtype)) {
    fail('ERR_MG_SHAPE', 'backward', `a seed like ${root.toString()}`, words(seed.toString()));
  }
  for (const [leaf, gradient] of pullBack(root, seed, 0, (x) => x.grad?.alias('backward') ?? null)) {
    leaf.grad?.dispose();
    leaf.grad = gradient;
  }
}

/**
 * fn(), which has one element, and its gradients at `leaves`, null where it does not depend on one. All else that `fn` reads is a
 * constant: its `.grad` and its graph stay as they are.
 */
export function gradientsAt(leaves: readonly Tensor[], fn: () => Tensor): { value: Tensor; gradients: (Tensor | null)[] } {
  const first = nextId;
  const value = fn();
  const wanted = new Set(leaves);
  const held: Held = (leaf) => (wanted.has(leaf) ? null : undefined);
  const gradients = value.requiresGrad ? pullBack(value, undefined, first, held) : new Map<Tensor, Tensor>();
  return { value, gradients: leaves.map((leaf) => gradients.get(leaf) ?? null) };
}
