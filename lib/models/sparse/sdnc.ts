// The sparse differentiable neural computer: a sparse access memory that also reads along the order of writing.

import { checkChoice, checkInteger, checkOptions } from '../../check.js';
import type { SdncTensors } from '../../ops/index.js';
import { samOptionKeys, SparseAccess, type SAMOptions } from './sparse-access.js';

export interface SDNCOptions extends SAMOptions {
  /** K_L, the links that each slot keeps to others written before and after it; default 8. */
  readonly links?: number;
  /**
   * How links are followed: `rows` (default), by the rows of the slots that were read; `paper`, as the article prints it, by all
   * rows that mention them, which costs more where many do.
   */
  readonly linkRead?: 'rows' | 'paper';
}

/**
 * Sparse DNC (Rae et al., NIPS 2016, supplement D): as {@link SAM}, and each head mixes what is most alike to its query with the
 * slots written before and after those it read before, by three modes. Links and precedence keep their K_L largest entries, no
 * gradient passes through them. Throws ERR_MG_ARGUMENT.
 */
export class SDNC extends SparseAccess<keyof SdncTensors> {
  constructor(options: SDNCOptions) {
    checkOptions('SDNC', options, [...samOptionKeys, 'links', 'linkRead']);
    super('SDNC', options, {
      links: checkInteger('SDNC', 'links', options.links ?? 8, 1, 64),
      linkRead: checkChoice('SDNC', 'linkRead', options.linkRead ?? 'rows', ['rows', 'paper']),
    });
  }
}
