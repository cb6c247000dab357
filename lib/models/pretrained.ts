/** Trained weights that come with the package. */
import { join } from 'node:path';
import { checkChoice, checkOptions } from '../check.js';
import { packageRoot } from '../native.js';
import type { LayerOptions } from '../nn/parameter.js';
import { loadTensors } from '../tensor/tensor-file.js';
import { MultigridMemory } from './multigrid/multigrid-memory.js';

/** Names of models with weights. */
export type PretrainedName = 'map9';
export const PRETRAINED = ['map9'] as const satisfies readonly PretrainedName[];

/** The folder of weights, and of what they score. */
export const weightsFolder = join(packageRoot, 'bench/results/weights');

/**
 * A trained model: `map9` draws the map of a 9×9 maze from a walk through it. What it was trained on and what it scores stands
 * beside the weights (`bench/results/weights/map9.json`). Throws ERR_MG_ARGUMENT for a name without weights.
 */
export async function pretrained(name: PretrainedName, options: Pick<LayerOptions, 'device'> = {}): Promise<MultigridMemory> {
  checkChoice('pretrained', 'name', name, PRETRAINED);
  checkOptions('pretrained', options, ['device']);
  const { tensors } = await loadTensors(join(weightsFolder, `${name}.safetensors`), options);
  try {
    const model = new MultigridMemory(name, options);
    model.loadStateDict(tensors);
    return model;
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
}
