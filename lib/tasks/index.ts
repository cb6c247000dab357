// The tasks room: names only.

export { mapping } from './mapping.js';
export { mappingPresets, type MappingOptions, type ResolvedMapping } from './mapping-options.js';
export { drawMaze, makeMaze, parseMaze, type Maze, type MazeShape } from './maze.js';
export { spiralPath, walkPath, walkStart, type MoveRule } from './motion.js';
export { MapScorer } from './scorers.js';
export { levelSide } from './task.js';
export type {
  HostArray, HostPyramid, OutputDescription, Scorer, Task, TaskDescription, TaskForm, TaskLoss, Window, WindowOptions,
  WindowOutput,
} from './task.js';
