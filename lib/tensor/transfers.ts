/** Several tensors copied or read at once; again and again, with nothing made on the way. */
import { native, type Program, type Storage } from '../native.js';
import { arrayOf, type DType, type TypedArrayOf } from './dtype.js';
import type { Tensor } from './tensor.js';

/** A program without work of its own. It ends with the copies that every program ends with. */
abstract class Transfer implements Disposable {
  protected readonly program: Program;

  protected constructor(from: readonly Storage[], into: readonly Storage[], answers: readonly Storage[]) {
    native().beginProgram();
    this.program = native().endProgram([], from, into, answers);
  }

  /** The tensors stay. */
  dispose(): void {
    native().releaseProgram(this.program);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

const storages = (tensors: readonly Tensor[]): Storage[] => tensors.map((x) => x.storage('transfers'));

/** Values of all of some tensors once the work queued so far has run; throws at once where there is no memory for one of them. */
export function queueReads(tensors: readonly Tensor[]): Promise<TypedArrayOf<DType>[]> {
  const reads: Promise<TypedArrayOf<DType>>[] = [];
  for (const tensor of tensors) {
    const read = tensor.queueRead();
    read.catch(() => {}); // of one that is not waited for, where a later one has no memory
    reads.push(read);
  }
  return Promise.all(reads);
}

/** Copies each of some tensors to another of its kind. ERR_MG_SHAPE for other sizes. */
export class Copies extends Transfer {
  constructor(from: readonly Tensor[], to: readonly Tensor[]) {
    super(storages(from), storages(to), []);
  }

  /** In queue order; to be awaited before the next time. */
  async run(): Promise<void> {
    await native().queueProgram(this.program, []);
  }
}

/** Reads tensors always into the same arrays. */
export class Readings extends Transfer {
  readonly #arrays: readonly TypedArrayOf<DType>[];

  constructor(tensors: readonly Tensor[]) {
    super([], [], storages(tensors));
    this.#arrays = tensors.map(({ dtype, size }) => arrayOf(dtype, new Float32Array(size)));
  }

  /** What each holds once all work queued so far has run, in arrays that are good until the next reading. */
  async read(): Promise<readonly TypedArrayOf<DType>[]> {
    await native().queueProgram(this.program, []);
    native().programAnswers(this.program, this.#arrays);
    return this.#arrays;
  }
}
