// Faults that test/mutants.mjs plants in C++, by the tests that must find them: what is wrong, where in native/, from what
// to what.

const of = (tests, ...faults) => ({ tests, faults });

export const NATIVE_MUTANTS = [
  of('test/ops/levels.test.ts', [
    'the gradient of a maximum goes to another cell',
    'ops/max_pool/max_pool_cpu.cc',
    'if (!stays_maximum(x[best], x[other])) best = other;',
    'if (stays_maximum(x[best], x[other])) best = other;',
  ]),
  of('test/ops/lstm-cell.test.ts', [
    'the forget bias is dropped',
    'ops/lstm_cell/lstm_cell_cpu.cc',
    'c_prev[first + c], forget_bias, a);',
    'c_prev[first + c], T(0), a);',
  ]),
  of('test/ops/batch-norm.test.ts', [
    'the gradient of a norm leaves out that of its mean',
    'ops/batch_norm/batch_norm_cpu.cc',
    'gamma[c], share * totals[c], share',
    'gamma[c], 0.0, share',
  ]),
  of('test/ops/losses.test.ts', [
    'the gradient of a loss does not know the mask',
    'ops/loss/loss_cpu.cc',
    'const double m = mask_at(mask, i / d.span) * scale;',
    'const double m = scale;',
  ]),
  of('test/ops/softmax.test.ts', [
    'the gradient of softmax has another sign',
    'ops/softmax/softmax_cpu.cc',
    'v * (g - sum)',
    'v * (g + sum)',
  ]),
  of('test/ops/gather.test.ts', [
    'of a row that was picked twice one gradient is kept',
    'ops/gather/gather_cpu.cc',
    'to[k] += from[k]',
    'to[k] = from[k]',
  ]),
  of(
    'test/ops/matmul.test.ts',
    [
      'every panel of columns has the bias of the first',
      'ops/matmul/matmul_cpu.cc',
      'job.bias = bias ? space.bias + p * panel_width : nullptr;',
      'job.bias = bias ? space.bias : nullptr;',
    ],
    [
      'the last product of a dot is left out',
      'ops/matmul/matmul_cpu.cc',
      'for (; k < n; k++) sum += a[k] * b[k];',
      'for (; k + 1 < n; k++) sum += a[k] * b[k];',
    ],
  ),
  of('test/ops/conv.test.ts', [
    'the bias of a convolution is dropped',
    'ops/conv/conv_cpu.cc',
    'job.bias = bias ? pad_rows(bias, 1, d.outputs, padded, space.bias) : nullptr;',
    'job.bias = nullptr;',
  ]),
  of('test/optim/optimizers.test.ts', [
    'Adam corrects by one step too many',
    'ops/optimizer/optimizer_cpu.cc',
    'for (double* t : steps) *t += 1;',
    'for (double* t : steps) *t += 2;',
  ]),
  {
    tests: 'test/ops/network.test.ts',
    only: 'equals single ops',
    faults: [[
      'a window carries the cell of the step before its last',
      'ops/network/cpu/forward.cc',
      'this->cell_before(g, w, p.steps, w.first)',
      'this->cell_before(g, w, p.steps - 1, w.first)',
    ]],
  },
  {
    tests: 'test/models/sparse/dam.test.ts',
    only: 'has weights, words',
    faults: [[
      'a write to the least used slot forgets what is read there',
      'ops/dam/cpu/access_impl.h',
      'w[popped[h]] += alpha * (T(1) - gamma);',
      'w[popped[h]] = alpha * (T(1) - gamma);',
    ]],
  },
];
