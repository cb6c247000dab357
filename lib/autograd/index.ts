// The autograd room: names only.

export { backward, isRecording, noGrad, record, type Backward } from './tape.js';
export { grad, tidy, valueAndGrad } from './grad.js';
export { gradcheck, type GradcheckOptions, type GradcheckResult } from './gradcheck.js';
export { scope, type Owned, type Scope } from '../tensor/scope.js';
