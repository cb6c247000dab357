#!/usr/bin/env node
// Packs Node and the packages that building, testing and benchmarking need, for a machine without internet access.
//
//   npm run pack:offline            writes .offline/bundle.tar.xz and .offline/run
//
// Take the checkout and .offline/ to a machine with the same system and processor family, then see `.offline/run --help`.
// Needs tar, xz and strip here; xz, tar, cmake, a C++ compiler and, for CUDA code, nvcc there.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync,
  realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const modules = realpathSync(join(root, 'node_modules'));
/** Development packages that publishing needs and a test run does not. */
const LEFT_AT_HOME = new Set([
  'prebuildify', 'typedoc', 'publint', 'cmake-js', 'oxlint', '@stryker-mutator/core', '@stryker-mutator/vitest-runner',
]);

const manifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** The folder that `name` means to a package in `from`, as Node looks it up; undefined for an optional one that is not here. */
function locate(from, name) {
  for (let at = from; at.startsWith(modules); at = dirname(at)) {
    for (const folder of [join(at, 'node_modules', name), join(at, name)]) {
      if (at === modules || folder !== join(at, name)) if (existsSync(join(folder, 'package.json'))) return folder;
    }
  }
  return undefined;
}

/** Every package folder reachable from `names`. */
function closure(names) {
  const found = new Set();
  const waiting = names.map((name) => [modules, name]);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const folder = locate(...next);
    if (folder === undefined || found.has(folder)) continue;
    found.add(folder);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta = {} } = manifest(folder);
    const peers = Object.keys(peerDependencies ?? {}).filter((name) => peerDependenciesMeta[name]?.optional !== true);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) waiting.push([folder, name]);
  }
  return found;
}

/** Source maps and prose stay behind; licences do not. */
function isWanted(folder, file) {
  const name = basename(file);
  if (file !== folder && name === 'node_modules') return false;
  return !/\.(map|md|markdown)$/i.test(name) || /licen[cs]e|notice|copying/i.test(name);
}

function copyCommands(stage) {
  const target = join(stage, 'node_modules/.bin');
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(join(modules, '.bin'))) {
    const link = join(modules, '.bin', name);
    const to = lstatSync(link).isSymbolicLink() ? readlinkSync(link) : '';
    if (to !== '' && existsSync(join(target, to))) symlinkSync(to, join(target, name));
  }
}

const stage = mkdtempSync(join(tmpdir(), 'mg-offline-'));
try {
  const { dependencies, devDependencies } = manifest(root);
  const names = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !LEFT_AT_HOME.has(name));
  const packages = closure(names);
  for (const folder of packages) {
    cpSync(folder, join(stage, 'node_modules', relative(modules, folder)), {
      recursive: true, dereference: true, filter: (file) => isWanted(folder, file),
    });
  }
  copyCommands(stage);
  const node = join(stage, 'node/bin/node');
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  execFileSync('strip', ['--strip-all', node]);
  execFileSync(node, ['-e', '0']);

  const out = join(root, '.offline');
  const bundle = join(out, 'bundle.tar.xz');
  mkdirSync(out, { recursive: true });
  const filter = process.arch === 'x64' ? '--x86 ' : '';
  execFileSync('tar', ['-C', stage, '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner',
    '-I', `xz ${filter}--lzma2=preset=6e,dict=64MiB`, '-cf', bundle, 'node', 'node_modules']);
  const data = readFileSync(bundle);
  const sum = createHash('sha256').update(data).digest('hex');
  const run = readFileSync(new URL('run.sh', import.meta.url), 'utf8')
    .replace('@SUM@', sum).replace('@PLATFORM@', `${process.platform}-${process.arch}`);
  writeFileSync(join(out, 'run'), run, { mode: 0o755 });
  console.log(`.offline: ${(data.length / 1e6).toFixed(1)} MB, Node ${process.version}, ${packages.size} packages`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
