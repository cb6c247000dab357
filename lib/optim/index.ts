// The optim room: names only.

export { Adam, AdamW, type AdamOptions, type AdamVariant } from './adam.js';
export { clipGradNorm, clipGradValue } from './clip.js';
export type { Group, Parameters, ResolvedGroup } from './groups.js';
export { Optimizer, type StepOptions, type StepResult } from './optimizer.js';
export { Muon, type MuonOptions } from './muon.js';
export { RMSProp, type RMSPropFlavor, type RMSPropOptions } from './rmsprop.js';
export { after, cosine, linear, warmup, type Schedule, type ScheduleFunction, type ScheduleUnit } from './schedule.js';
export { SGD, type SGDOptions } from './sgd.js';
