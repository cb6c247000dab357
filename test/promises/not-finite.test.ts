/** Row G1: a number that is not finite, wherever it stands, is found in its step and named, and no weight changes. */
import { describe, expect, it } from 'vitest';
import { ops, optim, type LossFunction, type Tensor, type TrainableModel, type Trainer } from '../../lib/index.js';
import { MODELS, trainerOf } from '../helpers/every-kind.js';
import { promised, shown } from '../helpers/promises.js';
import { modelBits, OPTIMIZERS } from '../train/tiny.js';

const WINDOW = 2;
const setup = { truncate: WINDOW };
/** Of the SDNC's links between its slots, which pass no gradient on. */
const isLink = (name: string): boolean => /^(link|precedence)Weights$/.test(name);
const isFloat = ({ dtype }: Tensor): boolean => dtype === 'float32';

/** Puts the value at the first or at the last place of a tensor, or at all. */
async function put(tensor: Tensor, value: number, at: 'first' | 'last' | 'all'): Promise<void> {
  const data = await tensor.data();
  if (at === 'all') data.fill(value);
  else data[at === 'first' ? 0 : data.length - 1] = value;
  tensor.copyFrom(data);
}

/** The next step of the trainer is refused with a word on `where`, and changes no weight. */
async function expectFound(trainer: Trainer, where: string): Promise<void> {
  const before = await modelBits(trainer);
  const step = trainer.step + WINDOW;
  await expect(trainer.fit({ steps: step }), where).rejects.toMatchObject({
    code: 'ERR_MG_NON_FINITE',
    message: expect.stringMatching(new RegExp(`at step ${step}, got a non-finite ${where}`)) as string,
  });
  expect(await modelBits(trainer), where).toBe(before);
}

/** For each name: a fresh trainer after one window, for `harm` to spoil. */
async function everywhere(
  kind: string,
  names: Iterable<string>,
  harm: (trainer: Trainer, name: string, nth: number) => Promise<string>,
  make?: (of: TrainableModel) => optim.Optimizer,
): Promise<number> {
  let places = 0;
  for (const name of names) {
    using model = MODELS[kind]!();
    using optimizer = make?.(model) ?? new optim.Adam(model, { lr: 1e-3 });
    const trainer = trainerOf(kind, model, setup, () => optimizer);
    await trainer.fit({ steps: WINDOW });
    await expectFound(trainer, await harm(trainer, name, places));
    trainer.state?.[Symbol.dispose]();
    places += 1;
  }
  return places;
}

const VALUES = [NaN, Infinity, -Infinity];
const ENDS = ['first', 'last'] as const;
const parametersOf = (model: TrainableModel): Map<string, Tensor> => new Map(model.namedParameters());
function namesOf(kind: string): string[] {
  using model = MODELS[kind]!();
  return [...parametersOf(model).keys()];
}

let places = 0;

describe.each(Object.keys(MODELS))('%s', (kind) => {
  it('each parameter', async () => {
    places += await everywhere(kind, namesOf(kind), async (trainer, name, nth) => {
      await put(parametersOf(trainer.model).get(name)!, VALUES[nth % 3]!, ENDS[nth % 2]!);
      return `weight ${name}`;
    });
  });

  it('the gradient of each parameter, at a loss that is finite', async () => {
    for (const name of namesOf(kind)) {
      using model = MODELS[kind]!();
      let spoils = false;
      const loss: LossFunction = (logits) => {
        const total = ops.sum(logits[0]!);
        // √(0·p) is 0, and the chain rule multiplies its slope 1/0 by 0.
        return spoils ? ops.add(total, ops.sum(ops.sqrt(ops.mul(parametersOf(model).get(name)!, 0)))) : total;
      };
      const trainer = trainerOf(kind, model, { ...setup, loss });
      await trainer.fit({ steps: WINDOW });
      spoils = true;
      await expectFound(trainer, `gradient ${name}`);
      trainer.state?.[Symbol.dispose]();
      trainer.optimizer[Symbol.dispose]();
      places += 1;
    }
  });

  it('each tensor of the state that is carried', async () => {
    using model = MODELS[kind]!();
    const trainer = trainerOf(kind, model, setup);
    await trainer.fit({ steps: WINDOW });
    const names = [...trainer.state!.toTensors()].filter(([, tensor]) => isFloat(tensor)).map(([name]) => name);
    trainer.state![Symbol.dispose]();
    trainer.optimizer[Symbol.dispose]();
    expect(names.length).toBeGreaterThan(0);
    places += await everywhere(kind, names.filter((name) => !isLink(name)), async (t, name, nth) => {
      await put(t.state!.toTensors().get(name)!, VALUES[nth % 3]!, 'all'); // some places are written before they are read
      return '(state|gradient) '; // the first tensor that it has reached: not all of a state is carried on as it was
    });
  });
});

it('a link of the SDNC that is no number is no link: the step after it has none', async () => {
  using model = MODELS['sdnc']!();
  const trainer = trainerOf('sdnc', model, setup);
  await trainer.fit({ steps: WINDOW });
  const links = (): Tensor[] => [...trainer.state!.toTensors()].filter(([name]) => isLink(name)).map(([, tensor]) => tensor);
  expect(links().length).toBe(2);
  for (const tensor of links()) await put(tensor, NaN, 'all');
  await trainer.fit({ steps: 2 * WINDOW });
  for (const tensor of links()) expect([...(await tensor.data())].every(Number.isFinite)).toBe(true);
});

const OPTIMIZER_KINDS: Record<string, (of: TrainableModel) => optim.Optimizer> = {
  ...OPTIMIZERS,
  Muon: (of) => new optim.Muon(of, { lr: 1e-3 }),
};

it.each(Object.entries(OPTIMIZER_KINDS))('each slot of %s', async (_, make) => {
  using model = MODELS['multigrid']!();
  using optimizer = make(model);
  const slots = [...optimizer.stateDict()].filter(([, tensor]) => isFloat(tensor)).map(([name]) => name);
  expect(slots.length).toBeGreaterThanOrEqual(namesOf('multigrid').length);
  places += await everywhere('multigrid', slots, async (trainer, name, nth) => {
    const tensor = (trainer.optimizer as optim.Optimizer).stateDict().get(name)!;
    await put(tensor, VALUES[nth % 3]!, ENDS[nth % 2]!);
    return `optimizer ${name}`;
  }, make);
});

it('all of them are more than promised', () => {
  expect(places).toBeGreaterThanOrEqual(promised('G1'));
  shown('G1', places, `${places} places`);
});
