#!/usr/bin/env node
// prebuildify calls this in place of node-gyp; it passes the request on to cmake-js, with the options of a release. MG_CUDA=ON in
// the environment compiles the CUDA kernels in, for all released architectures: minutes.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import './own-cache.mjs';

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
const arch = process.argv.find((argument) => argument.startsWith('--arch='))?.split('=')[1];
const target = arch === undefined ? [] : ['--arch', arch];
const options = ['--CDMG_SANITIZE=', `--CDMG_CUDA=${process.env.MG_CUDA ?? 'OFF'}`, ...target];
for (const command of ['configure', 'build']) {
  const { status } = spawnSync(process.execPath, [cmakeJs, command, ...options], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
