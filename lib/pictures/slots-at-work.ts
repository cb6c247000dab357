/** A memory of slots at work: where it writes and reads during one episode. */
import { noGrad } from '../autograd/tape.js';
import type { View } from '../runs/kinds.js';
import { fail } from '../check.js';
import type { MemorySlots, MemoryView } from '../models/memory-view.js';
import { slice } from '../ops/layout.js';
import { slotPicture, type SlotPanel } from '../plot/slot-picture.js';
import type { Task, Window } from '../tasks/task.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { dtypeOf, type ModelState, type TrainableModel } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';

/** [rows, steps] from one vector for each step. */
function panel(title: string, caption: string, vectors: readonly ArrayLike<number>[]): SlotPanel {
  const rows = vectors[0]!.length;
  const values = new Float32Array(rows * vectors.length);
  vectors.forEach((vector, t) => {
    for (let row = 0; row < rows; row++) values[row * vectors.length + t] = vector[row]!;
  });
  return { title, caption, rows, values };
}

/** Row t of a grid over time steps, as one step. */
function stepOf(grid: Tensor, t: number): Tensor {
  const rest = grid.shape.slice(1);
  return slice(grid, [t, ...rest.map(() => 0)], [1, ...rest]);
}

const rowsOf = (values: ArrayLike<number>, steps: number): ArrayLike<number>[] => {
  const width = values.length / steps;
  return Array.from({ length: steps }, (_, t) => Array.from({ length: width }, (_unused, k) => values[t * width + k]!));
};

/** Head `head` of weightings [steps][heads·slots]. */
const headOf = (weightings: readonly ArrayLike<number>[], head: number, slots: number): ArrayLike<number>[] => (
  weightings.map((all) => Array.from({ length: slots }, (_, n) => all[head * slots + n]!))
);

/** Answers as probabilities, blank at the steps at which none is due. */
function answers(window: Window, logits: ArrayLike<number>): { target: ArrayLike<number>[]; given: ArrayLike<number>[] } {
  const { target, scored } = window.outputs[0]!;
  const shown = (rows: ArrayLike<number>[]): ArrayLike<number>[] =>
    rows.map((row, t) => (
      scored === undefined || scored.data[t] === 1 ? row : Array.from(row, () => NaN)
    ));
  const given = rowsOf(Array.from(logits, (x) => 1 / (1 + Math.exp(-x))), window.steps);
  return { target: shown(rowsOf(target.data, window.steps)), given: shown(given) };
}

/** Frees what the next state does not share. */
function disposeOf(state: ModelState, next: ModelState): void {
  const kept = new Set(next.toTensors().values());
  for (const tensor of state.toTensors().values()) if (!kept.has(tensor)) tensor.dispose();
}

function slotsIn(view: MemoryView): MemorySlots {
  return view.form === 'slots' ? view : fail('ERR_MG_ARGUMENT', 'slotsAtWork', 'a memory of slots', view.form);
}

/**
 * Runs one held-out episode and draws what the network sees and answers, and the write and read weightings of every head over the
 * slots at each step (as Figure 12 of Huynh, Maire, Walter 2020). The task must answer in bits at every step of its input.
 */
export async function slotsAtWork(
  title: string,
  model: TrainableModel,
  view: View,
  task: Task<unknown>,
  seed: number,
): Promise<string> {
  const [window] = [...task.windows([task.generate(seed, 0)], { seed })];
  const { steps } = window!;
  const [writes, reads, logits]: [ArrayLike<number>[], ArrayLike<number>[], number[]] = [[], [], []];
  using _ = scope();
  const whole = uploadWindow(window!, task.describe().form, dtypeOf(model));
  const frames = [whole.input, ...(whole.queries ?? [])];
  let state = model.initialState(1);
  for (let t = 0; t < steps; t++) {
    const [input, ...queries] = frames.map((pyramid) => pyramid.map((grid) => stepOf(grid, t)));
    const result = noGrad(() => model.forward({ input: input!, queries }, state));
    disposeOf(state, result.state);
    state = result.state;
    const { writeWeights, readWeights } = slotsIn(view(state));
    writes.push(await writeWeights.data());
    reads.push(await readWeights.data());
    logits.push(...(await result.logits[0]!.data()));
  }
  const { writeWeights, readWeights } = slotsIn(view(state));
  const { target, given } = answers(window!, logits);
  const seen = Object.values(window!.input).map(({ data }) => rowsOf(data, steps))[0]!;
  const heads = (name: string, [, count = 1, slots = 1]: readonly number[], weightings: ArrayLike<number>[]): SlotPanel[] => {
    const nameOf = (k: number): string => (count === 1 ? name : `${name}, head ${k + 1}`);
    return Array.from({ length: count }, (_unused, k) => panel(nameOf(k), `${slots} slots`, headOf(weightings, k, slots)));
  };
  return slotPicture({
    title,
    subtitle: 'An episode the model never saw: where it writes and reads at each step',
    steps,
    panels: [
      panel('Input', `${seen[0]!.length} numbers`, seen),
      panel('Answer due', `${target[0]!.length} bits`, target),
      panel('Answer', 'probability', given),
      ...heads('Written to', writeWeights.shape, writes),
      ...heads('Read from', readWeights.shape, reads),
    ],
  });
}
