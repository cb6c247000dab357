// Sparse access memory: reads and writes of a few rows, whatever the size of the memory.

import type { SamTensors } from '../../ops/index.js';
import { checkData } from '../../schema.js';
import { sequenceOptionKeys } from '../sequence-model.js';
import { samOptions, SparseAccess, type SAMOptions } from './sparse-access.js';

/**
 * Sparse access memory (Rae et al., NIPS 2016): an LSTM controller over N slots of W numbers. Each of R heads writes to the K
 * slots that it read before and to the slot that was not accessed for longest, which is erased, and reads the K slots most alike
 * to its query:
 *   h, c = LSTM([x ; r'], h', c')      ξ = h·W_ξ + b      r, state = Access(ξ, state')      y = [h ; r]·W_y + b
 * with h, c and y clipped. A step costs the same for any N: only rows that were ever touched are stored and searched. Parameters:
 * `controller.weight`, `interface.weight`, `output.weight` and a bias each. Throws ERR_MG_ARGUMENT.
 */
export class SAM extends SparseAccess<keyof SamTensors> {
  constructor(options: SAMOptions) {
    const own = checkData('SAM', samOptions, options, sequenceOptionKeys);
    super('SAM', options, own, { links: 0, linkRead: 'rows' });
  }
}
