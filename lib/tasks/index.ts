// The tasks room: names only.

export { babi, type BabiOptions, type Story } from './babi/babi.js';
export { mapping } from './mapping/mapping.js';
export type { MappingOptions, ResolvedMapping } from './mapping/mapping-options.js';
export { drawMaze, makeMaze, parseMaze, type Maze, type MazeShape } from './mapping/maze.js';
export { mnistRecall, mnistSorting, type MnistList } from './lists/mnist.js';
export type { MnistOptions } from './lists/mnist-data.js';
export { spiralPath, walkPath, walkStart, type MoveRule } from './mapping/motion.js';
export { QuestionScorer } from './babi/question-scorer.js';
export { omniglot, type OmniglotClass, type OmniglotEpisode, type OmniglotOptions } from './omniglot/omniglot.js';
export { SightScorer } from './omniglot/sight-scorer.js';
export { recall, type RecallList, type RecallOptions } from './lists/recall.js';
export { makeTask, type MappingSpec, type TaskName, type TaskOptions, type TaskSpec } from './registry.js';
export { BitScorer, ClassScorer, MapScorer } from './scorers.js';
export { sorting, type SortingList, type SortingOptions } from './lists/sorting.js';
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
export { associativeRecall, type AssociativeList, type AssociativeRecallOptions } from './sequences/associative-recall.js';
export { copy, repeatCopy, type CopyOptions, type RepeatCopyOptions } from './sequences/copy.js';
export { NGramScorer, nGrams, type NGramsOptions } from './sequences/n-grams.js';
export { prioritySort, type PrioritySortOptions } from './sequences/priority-sort.js';
export type { Range } from './sequences/range.js';
export { flat } from './flat.js';
export { SequenceScorer, SequenceTask, type BitSequence, type Presentation } from './sequences/sequence-task.js';
