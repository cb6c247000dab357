// The README says what is true: its code type-checks, its commands and options exist, its tables equal the code.
// That its examples run, as printed and from an installed package, is shown in install/.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { addBench } from '../lib/cli/commands/bench.js';
import { addBuild } from '../lib/cli/commands/build.js';
import { addDoctor } from '../lib/cli/commands/doctor.js';
import { addEstimate } from '../lib/cli/commands/estimate.js';
import { addEval } from '../lib/cli/commands/eval.js';
import { addInspect } from '../lib/cli/commands/inspect.js';
import { addModels } from '../lib/cli/commands/models.js';
import { EXIT } from '../lib/cli/output.js';
import { addPlot } from '../lib/cli/commands/plot.js';
import { addReproduce } from '../lib/cli/commands/reproduce.js';
import { addTrain } from '../lib/cli/commands/train.js';
import { addDemo } from '../lib/cli/films/demo.js';
import { addReport } from '../lib/cli/films/report.js';
import { addWatch } from '../lib/cli/films/watch.js';
import { fused } from '../lib/index.js';
import * as ops from '../lib/ops/index.js';
import { comparedRuns } from '../lib/runs/comparisons.js';
import { PRESET_RUNS, presetRun } from '../lib/runs/presets.js';
import { checkRunConfig } from '../lib/runs/run-config.js';
import { countRun } from '../lib/runs/run-model.js';
import { isVectorModel } from '../lib/runs/run.js';
import { readme, readmeBlocks, readmeTable } from './helpers/readme.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  name: string;
  scripts: Record<string, string>;
};

const program = new Command('multigrid-memory');
for (
  const add of [
    addTrain,
    addEval,
    addReproduce,
    addModels,
    addEstimate,
    addInspect,
    addPlot,
    addBench,
    addDoctor,
    addBuild,
    addWatch,
    addDemo,
    addReport,
  ]
)
  add(program);

/** What the compiler says about the TypeScript blocks, as `README.md:line message`. */
function diagnose(): string[] {
  const blocks = new Map(readmeBlocks('ts').map((block, i) => [join(root, `readme-block-${i}.ts`), block]));
  const { config } = ts.readConfigFile(join(root, 'lib/tsconfig.json'), ts.sys.readFile) as {
    config: { compilerOptions: object };
  };
  const given = { ...config.compilerOptions, rootDir: root, noEmit: true, declaration: false };
  const { options } = ts.convertCompilerOptionsFromJson(given, root);
  options.paths = { [manifest.name]: [join(root, 'lib/index.ts')] };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.readFile = (file) => blocks.get(file)?.text ?? readFile(file);
  host.fileExists = (file) => blocks.has(file) || fileExists(file);
  host.getSourceFile = (file, language, ...rest) => {
    const block = blocks.get(file);
    return block === undefined ? getSourceFile(file, language, ...rest) : ts.createSourceFile(file, block.text, language);
  };
  const checked = ts.createProgram([...blocks.keys()], options, host);
  return [...blocks].flatMap(([file, block]) => {
    const source = checked.getSourceFile(file)!;
    const faults = [...checked.getSyntacticDiagnostics(source), ...checked.getSemanticDiagnostics(source)];
    return faults.map(({ start = 0, messageText }) => {
      const line = block.line + source.getLineAndCharacterOfPosition(start).line;
      return `README.md:${line} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}

/** Why a command line of the README cannot be typed; null if it can. */
function objection(line: string): string | null {
  const words = line.split(/\s+/);
  const [first, second = ''] = words;
  if (first === 'npm') {
    if (second === 'install') return words.length === 2 || words[2] === manifest.name ? null : `installs ${words[2]}`;
    const script = second === 'run' ? words[2]! : second;
    return script in manifest.scripts ? null : `no script ${script}`;
  }
  if (first !== 'npx' || second !== manifest.name) return `unknown command ${first}`;
  const command = program.commands.find((known) => known.name() === words[2]);
  return command === undefined ? `no command ${words[2]}` : optionObjection(command, words.slice(3));
}

function optionObjection(command: Command, words: readonly string[]): string | null {
  const unknown = words.find((word) => word.startsWith('--') && !command.options.some(({ long }) => long === word));
  return unknown === undefined ? null : `${command.name()} has no ${unknown}`;
}

describe('README', () => {
  it('has TypeScript that compiles against the library', () => {
    expect(readmeBlocks('ts').length).toBeGreaterThanOrEqual(3);
    expect(diagnose()).toEqual([]);
  });

  it('has commands, scripts and options that exist', () => {
    const lines = readmeBlocks('sh').flatMap(({ text }) => text.trim().split(/\n| && /));
    expect(lines).toContain('npm start');
    expect(lines.map(objection).filter((found) => found !== null)).toEqual([]);
  });

  it('shows the path of a plan as it is printed, but for its numbers', () => {
    const layers = [{ input: [{ level: 1, channels: 4 }], output: [0, 1, 2], channels: 8 }];
    using plan = fused.plan({ layers, batch: 8, steps: 20 });
    const printed = /^\/\/ (.*)\nconsole\.log\(plan\.path\);$/m.exec(readme)![1]!;
    expect(printed.replaceAll(/\d+ units|of \d+/g, '…')).toBe(plan.path.replaceAll(/\d+ units|of \d+/g, '…'));
  });

  it('has only blocks that a test looks at', () => {
    const languages = readmeBlocks().map(({ language }) => language);
    expect(languages.filter((name) => !['ts', 'js', 'sh', 'json'].includes(name))).toEqual([]);
  });

  it('has run files that can be trained', () => {
    const runs = readmeBlocks('json').map(({ text }) => checkRunConfig(JSON.parse(text)));
    expect(runs.map(({ model }) => (isVectorModel(model) ? model.kind : model))).toEqual(['map9', 'dnc', 'mnist-recall', 'babi']);
  });

  it('lists the presets with their counts', () => {
    const number = (text: string | undefined): number => Number(text!.replaceAll(',', ''));
    const listed = readmeTable('preset', 'task', 'parameters', 'memory cells').map(([name, task, parameters, memory]) => (
      { name: name!.replaceAll('`', ''), task, parameters: number(parameters), memory: number(memory) }
    ));
    const compared = comparedRuns().map(({ name }) => name);
    const own = PRESET_RUNS.filter((name) => name === 'map9' || !compared.includes(name));
    const runs = own.map((name) => [name, presetRun(name)] as const);
    expect(listed).toEqual(runs.map(([name, run]) => ({ name, task: run.task.name, ...countRun(run) })));
  });

  it('lists the exit statuses', () => {
    const listed = readmeTable('exit status', 'meaning').map(([status]) => Number(status));
    expect(listed).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  });

  it('names only ops that there are', () => {
    const rows = readmeTable('ops', 'CPU float32', 'CPU float64', 'CUDA float32', 'CUDA float64');
    const named = rows.flatMap(([names]) => [...names!.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
    expect(named.filter((name) => !(name in ops))).toEqual([]);
    expect(named.length).toBeGreaterThan(20);
  });

  it('lists the environment variables that the library reads', () => {
    const files = readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    const variables = (text: string): string[] => text.match(/\bMULTIGRID_MEMORY_[A-Z]+/g) ?? [];
    const read = new Set(files.flatMap((file) => variables(readFileSync(join(root, 'lib', file), 'utf8'))));
    expect([...new Set(variables(readme))].sort()).toEqual([...read].sort());
  });
});
