// Faults that test/mutants.mjs plants, by the tests that must find them: what is wrong, where in lib/, from what to what. Of long
// files of tests, the names of those that are to find it; `dist`: they run the command line, which is compiled.

const files = [
  [
    'a file is not flushed',
    'files/atomic-file.ts',
    '    if (flushed) await handle.sync();\n    await handle.close();',
    '    await handle.close();',
  ],
  [
    'a folder is not flushed',
    'files/atomic-file.ts',
    '    created = false;\n    if (flushed) await syncFolder(folder);',
    '    created = false;',
  ],
  ['a second name is not flushed', 'files/atomic-file.ts', '  await syncFolder(dirname(to));', ''],
  ['a temporary file may be another\'s', 'files/atomic-file.ts', 'open(temporary, \'wx\'', 'open(temporary, \'w\''],
  ['a failed save leaves its file', 'files/atomic-file.ts', 'if (created) await unlink', 'if (!created) await unlink'],
  [
    'a short write is taken for whole',
    'files/atomic-file.ts',
    'at += bytesWritten',
    'at = chunk.byteLength + 0 * bytesWritten',
  ],
  ['a file loses its mode', 'files/atomic-file.ts', 'if (mode !== null) await', 'if (mode === null) await'],
  [
    'a copy where links are allowed',
    'files/atomic-file.ts',
    '    await link(target, temporary);',
    '    throw { code: \'EPERM\' };',
  ],
  [
    'leftovers of the living are swept',
    'files/atomic-file.ts',
    '    process.kill(pid, 0);\n    return false;',
    '    return true;',
  ],
  ['a log is not flushed before its checkpoint', 'files/run-folder.ts', ', { after: this.log.flush() }', ''],
  ['a checkpoint does not wait for its log', 'files/atomic-file.ts', '    await after;\n', ''],
  ['small chunks change places', 'files/atomic-file.ts', '.push(chunk);', '.unshift(chunk);'],
  ['one checkpoint too many is kept', 'files/run-folder.ts', 'known.slice(newest)', 'known.slice(newest + 1)'],
  ['later checkpoints push out new ones', 'files/run-folder.ts', 'kept.filter((of) => of <= step)', 'kept.filter(() => true)'],
  [
    'a run takes a folder with a run',
    'files/run-folder.ts',
    'throwIfNoEntry: false }) === undefined) continue;',
    'throwIfNoEntry: false }) !== null) continue;',
  ],
  ['a new folder is not flushed into its parent', 'files/folders.ts', '    flushFolder(dirname(path));\n', ''],
  [
    'a resumed log keeps a later line',
    'files/metrics-log.ts',
    'resumeAt || record.step < kept.lastStep',
    'resumeAt + 1 || record.step < kept.lastStep',
  ],
  ['a log takes steps that fall', 'files/metrics-log.ts', '|| record.step < this.#lastStep', ''],
  ['a lock of a dead process holds', 'files/run-lock.ts', '=== \'ESRCH\') return true;', '=== \'ESRCH\') return false;'],
  ['a lock holds nobody out', 'files/run-lock.ts', 'if (owner !== null && !isGone(owner)) {', 'if (owner === undefined) {'],
];

const best = 'train/fit.ts';
const scores = [
  ['the first score stays the best', best, 'if (isBest) record.best = {', 'if (isBest && record.best === null) record.best = {'],
  ['the best is not saved', best, 'if (isBest) await this.#save(\'best\');', ''],
  ['more is always better', best, 'isBetter(this.#hooks.better[headline]!,', 'isBetter(\'higher\','],
  ['an interrupted scoring is forgotten', best, 'record.isScoringDue = true;', ''],
  ['a run that goes on looks for the best anew', best, 'await this.#knowBest(this.#folder);', 'this.#hooks.record.best = null;'],
  ['a score that nobody declared is taken', best, 'if (validates) checkHeadline(hooks.headline, hooks.better);', ''],
  ['listeners begin anew on resume', 'train/record.ts', 'callback.restore?.(record.listeners[name]);', ''],
  [
    'listeners of one name share what they saw',
    'train/record.ts',
    'found.set(key, callback);',
    'found.set(callback.name!, callback);',
  ],
  [
    'misses are never taken back',
    'listeners/callbacks.ts',
    'isBetter(better, value, bar) ? 0 :',
    'isBetter(better, value, bar) ? misses :',
  ],
  ['patience is one longer', 'listeners/callbacks.ts', 'if (misses >= patience)', 'if (misses > patience)'],
  ['an improvement below minDelta counts', 'listeners/callbacks.ts', 'best + minDelta : best - minDelta', 'best : best'],
  ['a target must be passed', 'listeners/callbacks.ts', 'score === target || ', ''],
  ['the task\'s direction wins', 'listeners/callbacks.ts', 'own ?? context.better[metric]', 'context.better[metric] ?? own'],
  ['scores are awaited where none are made', 'listeners/callbacks.ts', 'if (validates === false)', 'if (validates === null)'],
];

const guards = [
  ['rollback does nothing', 'train/trainer.ts', 'if (this.#guard === \'rollback\') this.#fallback?.restore();', ''],
  ['running statistics keep what was left out', 'train/trainer.ts', 'buffers.restore();\n      this.#leftOut', 'this.#leftOut'],
  ['what cannot be trained from is saved', best, 'refuseNonFinite(folder.file(which), tensors);', ''],
  [
    'the end saves over the good file',
    best,
    'error.code === \'ERR_MG_NON_FINITE\') throw error;',
    'error.code === \'ERR_MG_CUDA\') throw error;',
  ],
  ['windows are left out for ever', 'train/guard.ts', 'leftOut < MOST_LEFT_OUT', 'leftOut < Infinity'],
  [
    'a lasting fault is left out like a window',
    'train/guard.ts',
    'const isLasting = guard === \'skip\' &&',
    'const isLasting = guard === null &&',
  ],
  ['the optimizer is not looked into', 'train/guard.ts', '(await firstBad(\'optimizer\', parts.optimizer)) ??', ''],
  ['a huge gradient freezes the optimizer', 'optim/optimizer.ts', 'this.#keepsSquares ? maxNorm : null', 'null'],
];

const runs = [
  ['held-out episodes are those of training', 'train/trainer.ts', '(this.seed + HELD_OUT)', '(this.seed + 0 * HELD_OUT)'],
  ['updates are counted anew on resume', 'train/trainer.ts', 'trainer.#update = at.update;', ''],
  ['the place in the stream is lost on resume', 'train/trainer.ts', 'trainer.#position = at.position;', ''],
  ['the carried state is not saved', 'train/checkpoint.ts', 'state?.toTensors() ?? new Map', 'null ?? new Map'],
  ['the optimizer is not saved', 'train/checkpoint.ts', '...prefixed(\'optimizer\', optimizer.stateDict()),', ''],
  [
    'a run of another seed is gone on with',
    'train/checkpoint.ts',
    '  seed,\n  batchSize,\n  truncate:',
    '  seed: 0,\n  batchSize,\n  truncate:',
  ],
  ['a run of other windows is gone on with', 'train/checkpoint.ts', 'truncate: truncate ?? null', 'truncate: null'],
  [
    'a listener\'s fault loses what was trained',
    best,
    'try {\n        await this.#save();\n      } catch',
    'try {\n      } catch',
  ],
];

const refusals = [
  [
    'weights are replaced before all is looked at',
    'train/checkpoint.ts',
    'checkLoadable(\'loadStateDict\', module.stateDict(), values);',
    'module.loadStateDict(values);',
  ],
  ['two trainings at once', 'train/turns.ts', 'if (!inTraining.has(part)) continue;', 'continue;'],
  ['a scoring does not wait for its turn', 'train/turns.ts', 'const mine = this.#last.then(work);', 'const mine = work();'],
];

const listeners = [
  [
    'a resumed csv keeps later lines',
    'listeners/callbacks.ts',
    'truncateSync(file, csvBytesUpTo(file, step));',
    'csvBytesUpTo(file, step);',
  ],
  [
    'a csv begins anew on resume',
    'listeners/callbacks.ts',
    'const isResumed = step > 0 && existsSync(file);',
    'const isResumed = false && existsSync(file);',
  ],
  ['a csv goes on in another file', 'listeners/callbacks.ts', '\'\') !== CSV_HEAD)', '\'\') === null)'],
  [
    'a resumed event file keeps later events',
    'listeners/callbacks.ts',
    'if (trainer.step > 0) cutEvents(folder, trainer.step);',
    '',
  ],
];

const a2c = [
  ['an update that was left out counts', 'rl/a2c/a2c.ts', 'optimizer.uncount(taken);', ''],
  ['the memory is that after a bad rollout', 'rl/a2c/a2c.ts', 'this.#actor.goBack(state);', 'state.dispose();'],
  ['only the loss is looked at', 'rl/a2c/a2c.ts', '!Number.isFinite(loss) || !Number.isFinite(made)', '!Number.isFinite(loss)'],
];

const resume = [
  ['another seed is ignored', 'cli/described-run.ts', 'if (asked === undefined || asked === saved) return;', 'return;'],
  ['another run is ignored', 'cli/described-run.ts', 'if (isDeepStrictEqual(asked[key], saved[key])) continue;', 'continue;'],
  ['the new length is forgotten', 'cli/described-run.ts', '...(steps === undefined ? {} : { steps }),', ''],
];

const stops = [
  ['SIGHUP is not heard', 'cli/signals.ts', ', SIGHUP: 129 }', ' }'],
  [
    'a printed command is not quoted',
    'cli/described-run.ts',
    'return /^[\\w@%+=:,./-]+$/.test(word) ? word :',
    'return word !== \'\' ? word :',
  ],
];

const second = [
  ['the second signal waits', 'cli/signals.ts', 'if (exit !== 0) process.exit(STOPS[name]);', ''],
];

/** A checkpoint alone says which data set it was trained on: it is not opened. */
const strangers = [
  [
    'a checkpoint opens what it names',
    'cli/saved-run.ts',
    'if (data === undefined && isDataSet',
    'if (data === \'\' && isDataSet',
  ],
];

export const MUTANTS = [
  { tests: 'test/files', faults: files },
  { tests: 'test/train/scores.test.ts', faults: scores },
  { tests: 'test/train/guards.test.ts', faults: guards },
  { tests: 'test/train/trainer.test.ts', only: 'resumed at|evaluates on|is refused with|saves before', faults: runs },
  { tests: 'test/train/refusals.test.ts', only: 'a refused resume|two callers', faults: refusals },
  { tests: 'test/listeners', faults: listeners },
  { tests: 'test/rl/a2c.test.ts', only: 'faults NaN|in the middle', faults: a2c },
  { tests: 'test/cli/stops.test.ts', only: '--resume', dist: true, faults: resume },
  { tests: 'test/cli/stops.test.ts', only: 'ends a run with', dist: true, faults: stops },
  { tests: 'test/faults/signals.test.ts', only: 'a second signal', dist: true, faults: second },
  { tests: 'test/cli/stops.test.ts', only: 'a data set that has moved', dist: true, faults: strangers },
];
