/** Who may use a trainer when: one training at a time, and scorings and saves between its steps. */
import { fail, words } from '../check.js';

/** Runs asynchronous pieces of work one after the other, in the order of asking. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => {}); // whoever asked for it hears of its fault
    return mine;
  }
}

/** Models and optimizers that are being trained. */
const inTraining = new WeakSet<object>();

/** Claims what one training changes until `[Symbol.dispose]`; ERR_MG_ARGUMENT while another training has any of it. */
export function claim(where: string, parts: Readonly<Record<string, object>>): Disposable {
  for (const [name, part] of Object.entries(parts)) {
    if (!inTraining.has(part)) continue;
    const got = words('one that another call is training');
    fail('ERR_MG_ARGUMENT', where, `a ${name} that is not being trained`, got, 'await that call, or end its loop, first');
  }
  const claimed = Object.values(parts);
  for (const part of claimed) inTraining.add(part);
  return {
    [Symbol.dispose]: () => {
      for (const part of claimed) inTraining.delete(part);
    },
  };
}
