/** What ways of practice share: the task in their place, and how well an answer is known. */
import type { Split, Task, TaskDescription, TaskLoss, Window, WindowOptions, WindowOutput } from '../../tasks/task.js';
import type { Remembering } from '../record.js';

/** What a trainer practises by on the way to its task. */
export interface Practice extends Remembering {
  /** The task with the windows of practice; it scores on the windows of the task itself. */
  readonly task: Task<unknown>;
  /** What was open since which batch. */
  readonly opened: readonly (readonly [batch: number, open: number])[];
  /** Takes in what the network answered in a window of a batch: `logits[k]` for `window.outputs[k]`. */
  add(window: Window, batch: number, logits: readonly ArrayLike<number>[]): void;
}

/** The cross-entropy of one answer in nats: of a class, or the mean over its bits. */
export function answerLoss(logits: ArrayLike<number>, { target }: WindowOutput, loss: TaskLoss, row: number): number {
  const width = logits.length / (target.shape[0]! * target.shape[1]!);
  const from = row * width;
  if (loss === 'crossEntropy')
    return crossEntropyOf(Array.from({ length: width }, (_, k) => logits[from + k]!), target.data[row]!);
  let sum = 0;
  for (let k = from; k < from + width; k++) sum += binaryOf(logits[k]!, target.data[k]!);
  return sum / width;
}

const binaryOf = (z: number, y: number): number => Math.max(z, 0) - z * y + Math.log1p(Math.exp(-Math.abs(z)));

function crossEntropyOf(z: readonly number[], label: number): number {
  const most = Math.max(...z);
  return Math.log(z.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most - z[label]!;
}

/** Windows of practice under the name of the task, whose own windows are those of its splits. */
export class PractisedTask<Item, Drawn = Item> implements Task<Drawn> {
  readonly name: string;
  readonly version: number;
  readonly splits: readonly Split[] = ['train', 'validation', 'test'];
  readonly #task: Task<Item>;
  readonly #windows: (items: readonly Drawn[], options: WindowOptions) => Iterable<Window>;
  readonly #draw: (seed: number, index: number) => Drawn;

  /** `draw`: what is practised in place of the task's own episodes. */
  constructor(
    task: Task<Item>,
    windows: (items: readonly Drawn[], options: WindowOptions) => Iterable<Window>,
    draw: (seed: number, index: number) => Drawn = (seed, index) => task.generate(seed, index) as unknown as Drawn,
  ) {
    [this.name, this.version, this.#task, this.#windows, this.#draw] = [task.name, task.version, task, windows, draw];
  }

  describe(): TaskDescription {
    return this.#task.describe();
  }
  generate(seed: number, index: number): Drawn {
    return this.#draw(seed, index);
  }
  windows(items: readonly Drawn[], options: WindowOptions): Iterable<Window> {
    return this.#windows(items, options);
  }
  scorer(): ReturnType<Task<Item>['scorer']> {
    return this.#task.scorer();
  }
  split(name: Split): Task<Drawn> {
    const { splits = [] } = this.#task;
    return (splits.length === 0 ? this.#task : this.#task.split!(name)) as unknown as Task<Drawn>;
  }
}
