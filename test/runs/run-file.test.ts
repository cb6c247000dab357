// Run files and their JSON Schema: what the package ships for editors agrees with what the package checks.
import { Ajv } from 'ajv';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { presetConfig, presetNames } from '../../lib/models/multigrid/presets.js';
import { checkExploration, EXPLORATION_RUNS, explorationRun, isExploration } from '../../lib/runs/exploration.js';
import { PRESET_RUNS, presetRun } from '../../lib/runs/presets.js';
import { checkRunConfig } from '../../lib/runs/run-config.js';
import { asFile, SCHEMA_FILE } from '../../lib/runs/run-file.js';
import { errorOf } from '../helpers/files.js';

const shipped = fileURLToPath(new URL(`../../${SCHEMA_FILE}`, import.meta.url));
const accepts = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(readFileSync(shipped, 'utf8')) as object);
const check = (file: unknown): object => (isExploration(file) ? checkExploration(file) : checkRunConfig(file));

const copy = { name: 'copy' };
const dnc = { kind: 'dnc', slots: 8 };
const layers = { input: { 0: 4 }, writer: [[0, 0, 4]], front: [[0, 0, 4]], tail: [[0, 0, 1]] };

/** Descriptions of the options of that name anywhere in a schema. */
function described(schema: unknown, name: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties } = schema as { properties?: Record<string, { description?: string }> };
  const own = properties?.[name]?.description;
  return [...(own === undefined ? [] : [own]), ...Object.values(schema).flatMap((part) => described(part, name))];
}

describe('the shipped JSON Schema', () => {
  it.each([
    'runs/run',
    'optim/muon',
    'runs/exploration',
    'models/dnc',
    'models/multigrid/config',
    'tasks/lists/recall',
    'tasks/mapping/mapping-options',
    'train/practice/curriculum',
  ])('describes the options in lib/%s.ts by their comments', (file) => {
    const source = readFileSync(resolve(import.meta.dirname, `../../lib/${file}.ts`), 'utf8');
    const options = [
      ...source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\s+(\w+): (?:optional|integer|number|positive|list|choice|record)\(/g),
    ];
    const schema: unknown = JSON.parse(readFileSync(shipped, 'utf8'));
    for (const [, comment, name] of options) {
      const text = comment!.replaceAll(/\s*\n\s*\*/g, ' ').replaceAll(/\s+/g, ' ').replaceAll(/\{@link (\w+)\}/g, '$1').trim();
      expect(described(schema, name!)).toContain(text);
    }
    expect(options.length).toBeGreaterThan(0);
  });

  it.each(PRESET_RUNS)('accepts %s, whole and by its name', (name) => {
    for (const file of [presetRun(name), { model: name }, { $schema: './run.schema.json', model: name, steps: 10 }]) {
      expect([accepts(file), accepts.errors]).toEqual([true, null]);
    }
  });

  it.each(presetNames)('accepts the layers of %s in a run', (name) => {
    expect(accepts({ model: presetConfig(name), task: presetRun(name).task })).toBe(true);
  });

  it.each(EXPLORATION_RUNS)('accepts the exploration %s', (name) => {
    expect(accepts(explorationRun(name))).toBe(true);
    expect(checkExploration({ $schema: '', ...explorationRun(name) })).toEqual(explorationRun(name));
  });

  it('accepts every option of rates, scorings and lessons, as the check does', () => {
    const file = {
      model: 'recall-8k',
      lr: { from: 1e-3, to: 0, steps: 100, hold: 10, warmup: 5, shape: 'cosine' },
      validate: { every: 100, items: 5, split: 'test' },
      curriculum: { below: 0.1, start: 2, least: 0.01 },
      optimizer: { name: 'muon', betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0, momentum: 0.9, vectorRate: 1 },
      truncate: null,
      clipNorm: null,
    };
    expect(accepts(file)).toBe(true);
    expect(checkRunConfig(file)).toMatchObject({ ...file, model: 'recall-8k' });
  });
});

/** Refused files, and where the sentence points. */
const HOSTILE: readonly (readonly [name: string, file: unknown, message: RegExp])[] = [
  ['nothing', null, /^run: expected an object, got null$/],
  ['a list', [], /^run: expected an object, got \[\]$/],
  ['text', 'map9', /^run: expected an object, got "map9"$/],
  ['no model', { task: copy }, /^run: expected model to be the name of a preset, or a model as an object, got undefined$/],
  ['a preset that is none', { model: 'map26' }, /^preset: expected the name of a preset/],
  ['a misspelt key', { model: 'map9', step: 3 }, /^run: expected options among .*, got "step"; did you mean steps\?$/],
  [
    'a key that every object has',
    JSON.parse('{"model":"map9","__proto__":{}}'),
    /^run: expected options among .*, got "__proto__"$/,
  ],
  ['steps of none', { model: 'map9', steps: 0 }, /^run: expected steps to be an integer at least 1, got 0$/],
  ['steps as text', { model: 'map9', steps: '5' }, /^run: expected steps to be an integer at least 1, got "5"$/],
  ['half a step', { model: 'map9', steps: 1.5 }, /^run: expected steps to be an integer at least 1, got 1\.5$/],
  ['a seed below 0', { model: 'map9', seed: -1 }, /^run: expected seed to be an integer at least 0, got -1$/],
  [
    'a name with a folder',
    { model: 'map9', name: '../x' },
    /^run: expected name to be a name of 1 to 200 bytes.*, got "\.\.\/x"$/,
  ],
  ['a rate of one number', { model: 'map9', lr: 1e-3 }, /^run: expected lr to be an object, got 0\.001$/],
  [
    'a rate without its end',
    { model: 'map9', lr: { from: 1, steps: 1 } },
    /^run: expected lr\.to to be a finite number of at least 0, got undefined$/,
  ],
  [
    'a misspelt rate',
    { model: 'map9', lr: { from: 1, too: 1, steps: 1 } },
    /^run, lr: expected options among .*, got "too"; did you mean to\?$/,
  ],
  [
    'a shape of no rate',
    { model: 'map9', lr: { from: 1, to: 1, steps: 1, shape: 'step' } },
    /^run: expected lr\.shape to be one of "linear", "cosine", got "step"$/,
  ],
  [
    'a misspelt scoring',
    { model: 'map9', validate: { every: 1, item: 1 } },
    /^run, validate: expected options among every, items, split, got "item"; did you mean items\?$/,
  ],
  [
    'a split of no data',
    { model: 'map9', validate: { every: 1, items: 1, split: 'all' } },
    /^run: expected validate\.split to be one of/,
  ],
  [
    'lessons without an aim',
    { model: 'recall-8k', curriculum: {} },
    /^run: expected curriculum\.below to be a finite number of at least 0, got undefined$/,
  ],
  [
    'an optimizer by its name alone',
    { model: 'map9', optimizer: 'adam' },
    /^run: expected optimizer to be an optimizer, as .*, got "adam"$/,
  ],
  [
    'an unknown optimizer',
    { model: 'map9', optimizer: { name: 'sgd' } },
    /^run: expected optimizer\.name to be one of "rmsprop", "adam", "muon", got "sgd"$/,
  ],
  [
    'an option of another optimizer',
    { model: 'map9', optimizer: { name: 'adam', decay: 0.9 } },
    /^run, optimizer: expected options among name, betas/,
  ],
  [
    'a beta of 1',
    { model: 'map9', optimizer: { name: 'adam', betas: [0.9, 1] } },
    /^run: expected optimizer\.betas\[1\] to be a number of at least 0 and below 1, got 1$/,
  ],
  ['an unknown task', { model: dnc, task: { name: 'maze' } }, /^run: expected task\.name to be one of "mapping"/],
  ['no task', { model: dnc }, /^run: expected task to be a task, as \{ "name": "mapping", … \}, got undefined$/],
  [
    'an option that the task lacks',
    { model: dnc, task: { name: 'copy', bit: 3 } },
    /^run, task: expected options among .*; did you mean bits\?$/,
  ],
  [
    'a value that the task refuses',
    { model: dnc, task: { name: 'recall', items: 1 } },
    /^run: expected task\.items to be an integer in 2 … 100000, got 1$/,
  ],
  ['an unknown kind', { model: { kind: 'gru' }, task: copy }, /^run: expected model\.kind to be one of "dnc"/],
  [
    'an option that the kind lacks',
    { model: { ...dnc, slot: 3 }, task: copy },
    /^run, model: expected options among .*; did you mean slots\?$/,
  ],
  [
    'a kind with no slots',
    { model: { ...dnc, slots: 0 }, task: copy },
    /^run: expected model\.slots to be an integer at least 1, got 0$/,
  ],
  [
    'layers of two numbers',
    { model: { ...layers, writer: [[0, 4]] }, task: copy },
    /^run: expected model\.writer\[0\] to be a layer \[low, high, channels\], got \[0, 4\]$/,
  ],
  [
    'a level as text',
    { model: { ...layers, tail: [['0', 0, 1]] }, task: copy },
    /^run: expected model\.tail\[0\]\[0\] to be an integer in 0 … 12, got "0"$/,
  ],
  [
    'a misspelt key of layers',
    { model: { ...layers, peepholes: 'none' }, task: copy },
    /^run, model: expected options among .*; did you mean peephole\?$/,
  ],
  [
    'an input level that is none',
    { model: { ...layers, input: { x: 4 } }, task: copy },
    /^run: expected model\.input\.x to be a level/,
  ],
  ['another algorithm', { algorithm: 'ppo' }, /^run: expected algorithm to be "a2c", got "ppo"$/],
  ['a discount above 1', { algorithm: 'a2c', gamma: 1.5 }, /^run: expected gamma to be a finite number in 0 … 1, got 1\.5$/],
];

describe('a run file', () => {
  it.each(HOSTILE)('that holds %s is refused by the check and by the schema', async (_, file, message) => {
    const error = await errorOf(() => check(file));
    expect([error.code, error.message]).toEqual(['ERR_MG_CONFIG', expect.stringMatching(message)]);
    expect(accepts(file)).toBe(false);
  });

  // What no JSON Schema says: two numbers that are compared with each other, bytes of a name.
  it.each([
    ['a range upside down', { model: dnc, task: { name: 'copy', lengths: [3, 1] } }],
    ['a name of too many bytes', { model: 'map9', name: 'é'.repeat(150) }],
  ])('that holds %s is refused by the check', async (_, file) => {
    expect((await errorOf(() => check(file))).code).toBe('ERR_MG_CONFIG');
  });
});

describe('a run as a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-file-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('names the schema by the way to it, is accepted by it, and is the same run when read', () => {
    const file = asFile(presetRun('map9'), folder);
    expect(existsSync(resolve(folder, file.$schema))).toBe(true);
    expect(resolve(folder, file.$schema)).toBe(shipped);
    expect(accepts(file)).toBe(true);
    expect(checkRunConfig(file)).toEqual(presetRun('map9'));
  });
});
