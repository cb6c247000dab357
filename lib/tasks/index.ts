// The tasks room: names only.

export { babi, type BabiOptions, type Story } from './babi.js';
export { mapping } from './mapping/mapping.js';
export type { MappingOptions, ResolvedMapping } from './mapping/mapping-options.js';
export { drawMaze, makeMaze, parseMaze, type Maze, type MazeShape } from './mapping/maze.js';
export { mnistRecall, mnistSorting, type MnistList, type MnistOptions } from './mnist.js';
export { spiralPath, walkPath, walkStart, type MoveRule } from './mapping/motion.js';
export { QuestionScorer } from './question-scorer.js';
export { recall, type RecallList, type RecallOptions } from './recall.js';
export { makeTask, type MappingSpec, type TaskSpec } from './registry.js';
export { BitScorer, ClassScorer, MapScorer } from './scorers.js';
export { sorting, type SortingList, type SortingOptions } from './sorting.js';
export { levelSide } from './task.js';
export type {
  Better,
  HostArray,
  HostPyramid,
  OutputDescription,
  Scorer,
  Split,
  Task,
  TaskDescription,
  TaskForm,
  TaskLoss,
  Window,
  WindowOptions,
  WindowOutput,
} from './task.js';
export { associativeRecall, type AssociativeList, type AssociativeRecallOptions } from './associative-recall.js';
export { copy, repeatCopy, type CopyOptions, type Range, type RepeatCopyOptions } from './copy.js';
export { flat } from './flat.js';
export { SequenceScorer, SequenceTask, type BitSequence, type Presentation } from './sequence-task.js';
