// Learning curves: what was logged is drawn, whatever the task calls its scores.
import { describe, expect, it } from 'vitest';
import type { MetricsRecord } from '../../lib/files/metrics-log.js';
import { learningCurve } from '../../lib/pictures/pictures.js';
import { errorOf } from '../helpers/files.js';

const update = (step: number): MetricsRecord => ({ step, loss: 10 / step, lr: 1e-3, gradNorm: 1, batches: 3 });
const log = (...scorings: Record<string, number>[]): MetricsRecord[] => (
  scorings.flatMap((scores, k) => [update(10 * k + 10), { step: 10 * k + 10, ...scores }])
);
/** Titles of the panels, and names of the curves. */
const texts = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
const panels = (svg: string): string[] => texts(svg).filter((text) => text.startsWith('Held-out'));

describe('a learning curve', () => {
  it('has the scores of mapping on one axis from 0 to 1', () => {
    const svg = learningCurve('map9', [{
      name: 'map9',
      records: log({ f: 0.1, precision: 0.2, recall: 0.3 }, { f: 0.4, precision: 0.5, recall: 0.6 }),
    }]);
    expect(panels(svg)).toEqual(['Held-out scores']);
    expect(texts(svg)).toEqual(expect.arrayContaining(['f', 'precision', 'recall']));
  });

  it('has those of copy: shares together, wrong bits and their cost apart', () => {
    const records = log({ accuracy: 0.5, bitErrors: 9, bits: 20, sequenceErrorRate: 1 }, {
      accuracy: 1,
      bitErrors: 0,
      bits: 0.1,
      sequenceErrorRate: 0,
    });
    const svg = learningCurve('copy', [{ name: 'copy', records }]);
    expect(panels(svg)).toEqual(['Held-out scores', 'Held-out scores: bitErrors', 'Held-out scores: bits']);
    expect(texts(svg)).toEqual(expect.arrayContaining(['accuracy', 'sequenceErrorRate']));
  });

  it('has the per cent of all questions of bAbI on one axis', () => {
    const svg = learningCurve('babi', [{
      name: 'babi',
      records: log({ meanError: 40, failedTasks: 2, task1Error: 30, task2Error: 50 }),
    }]);
    expect(panels(svg)).toEqual(['Held-out scores: meanError', 'Held-out scores: failedTasks', 'Held-out scores: taskError']);
  });

  it('of several runs names run and score', () => {
    const svg = learningCurve(
      'two',
      ['one', 'two'].map((name) => ({ name, records: log({ errorRate: 0.4 }, { errorRate: 0.2 }) })),
    );
    expect(texts(svg)).toEqual(expect.arrayContaining(['one errorRate', 'two errorRate']));
  });

  it('of a run that was not scored has its loss alone, and without a loss there is none', async () => {
    expect(panels(learningCurve('loss', [{ name: 'loss', records: [update(10), update(20)] }]))).toEqual([]);
    expect((await errorOf(() => learningCurve('none', [{ name: 'none', records: [] }]))).code).toBe('ERR_MG_ARGUMENT');
  });
});
