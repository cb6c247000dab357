/** A memory of slots at work: where it writes and reads during one episode. */
import { noGrad } from '../autograd/tape.js';
import type { View } from '../runs/kinds.js';
import { fail, words } from '../check.js';
import { slice } from '../ops/layout.js';
import { slotPicture, type SlotPanel } from '../plot/slot-picture.js';
import type { Task, Window } from '../tasks/task.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { dtypeOf, type ModelState, type TrainableModel } from '../train/model.js';
import { uploadWindow } from '../train/window-loss.js';
import { numbersOf, type Remembered, type SlotNumbers } from './remembered.js';

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

/** Weights of every head over the slots at one step. */
type Weights = readonly Float32Array[];

/** A panel for each head. Slots that are stored from some step on are empty before it. */
function headPanels(name: string, steps: readonly Weights[]): SlotPanel[] {
  const slots = Math.max(...steps.map(([first]) => first!.length));
  return steps[0]!.map((_, head) => {
    const title = steps[0]!.length === 1 ? name : `${name}, head ${head + 1}`;
    const vectors = steps.map((heads) => Float32Array.from({ length: slots }, (_unused, n) => heads[head]![n] ?? 0));
    return panel(title, `${slots} slots`, vectors);
  });
}

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

function slotsIn(memory: Remembered): SlotNumbers {
  return memory.form === 'slots' ? memory : fail('ERR_MG_ARGUMENT', 'plot', 'a memory of slots', words(`one of ${memory.form}`));
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
  const [writes, reads, logits]: [Weights[], Weights[], number[]] = [[], [], []];
  using _ = scope();
  const whole = uploadWindow(window!, task.describe().form, dtypeOf(model));
  const frames = [whole.input, ...(whole.queries ?? [])];
  let state = model.initialState(1);
  for (let t = 0; t < steps; t++) {
    const [input, ...queries] = frames.map((pyramid) => pyramid.map((grid) => stepOf(grid, t)));
    const result = noGrad(() => model.forward({ input: input!, queries }, state));
    const now = slotsIn(await numbersOf(view(result.state, state)));
    disposeOf(state, result.state);
    state = result.state;
    writes.push(now.writes);
    reads.push(now.reads);
    logits.push(...(await result.logits[0]!.data()));
  }
  const { target, given } = answers(window!, logits);
  const seen = Object.values(window!.input).map(({ data }) => rowsOf(data, steps))[0]!;
  return slotPicture({
    title,
    subtitle: 'An episode the model never saw: where it writes and reads at each step',
    steps,
    panels: [
      panel('Input', `${seen[0]!.length} numbers`, seen),
      panel('Answer due', `${target[0]!.length} bits`, target),
      panel('Answer', 'probability', given),
      ...headPanels('Written to', writes),
      ...headPanels('Read from', reads),
    ],
  });
}
