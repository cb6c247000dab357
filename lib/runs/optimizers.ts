/** Optimizers by the name that a run file gives them. */
import { Adam, adamOptions } from '../optim/adam.js';
import { Muon, muonOptions } from '../optim/muon.js';
import type { Optimizer } from '../optim/optimizer.js';
import { RMSProp, rmspropOptions } from '../optim/rmsprop.js';
import type { Schedule } from '../optim/schedule.js';
import { literal, object, variant, type Data, type Schema } from '../schema.js';
import type { TrainableModel } from '../train/model.js';

const [rmsprop, adam, muon] = [
  object({ name: literal('rmsprop'), ...rmspropOptions.entries }),
  object({ name: literal('adam'), ...adamOptions.entries }),
  object({ name: literal('muon'), ...muonOptions.entries }),
];

export type OptimizerSpec = Data<typeof rmsprop> | Data<typeof adam> | Data<typeof muon>;
export const optimizerSchema = variant('an optimizer, as { "name": "adam" }', 'name', rmsprop, adam, muon) as Schema<
  OptimizerSpec
>;

export function makeOptimizer(model: TrainableModel, spec: OptimizerSpec, lr: Schedule): Optimizer {
  switch (spec.name) {
    case 'rmsprop': {
      const { name: _, ...options } = spec;
      return new RMSProp(model, { ...options, lr });
    }
    case 'adam': {
      const { name: _, ...options } = spec;
      return new Adam(model, { ...options, lr });
    }
    case 'muon': {
      const { name: _, ...options } = spec;
      return new Muon(model, { ...options, lr });
    }
  }
}
