// The sparse differentiable neural computer: a sparse access memory that also reads along the order of writing.

import type { SdncTensors } from '../../ops/index.js';
import { checkData, choice, integer, object, optional, type Data } from '../../schema.js';
import { sequenceOptionKeys, type SequenceOptions } from '../sequence-model.js';
import { samOptions, SparseAccess } from './sparse-access.js';

/** Options of an SDNC as run files have them. */
export const sdncOptions = object({
  ...samOptions.entries,
  /** K_L, the links that each slot keeps to others written before and after it; default 8. */
  links: optional(integer(1, 64)),
  /**
   * How links are followed: `rows` (default), by the rows of the slots that were read; `paper`, as the article prints it, by all
   * rows that mention them, which costs more where many do.
   */
  linkRead: optional(choice('rows', 'paper')),
});

export interface SDNCOptions extends SequenceOptions, Data<typeof sdncOptions> {}

/**
 * Sparse DNC (Rae et al., NIPS 2016, supplement D): as {@link SAM}, and each head mixes what is most alike to its query with the
 * slots written before and after those it read before, by three modes. Links and precedence keep their K_L largest entries, no
 * gradient passes through them. Throws ERR_MG_ARGUMENT.
 */
export class SDNC extends SparseAccess<keyof SdncTensors> {
  constructor(options: SDNCOptions) {
    const { links = 8, linkRead = 'rows', ...own } = checkData('SDNC', sdncOptions, options, sequenceOptionKeys);
    super('SDNC', options, own, { links, linkRead });
  }
}
