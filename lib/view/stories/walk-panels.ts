/** What is seen of a walk, panel by panel. */
import type { ResolvedMapping } from '../../tasks/mapping/mapping-options.js';
import { panel, type Panel } from '../story.js';

/** One of the network's readers: how wide a patch it is asked about, and on which grids. */
export interface Reader {
  readonly name: string;
  readonly side: number;
  readonly levels: readonly number[];
}

const FLOOR_OR_WALL = ['floor', 'wall'] as const;

/** The panels of a walk. `shift`: rows and columns from the maze to the map, whose center is the start. */
export function walkPanels(mapping: ResolvedMapping, readers: readonly Reader[], shift: readonly [number, number]): Panel[] {
  const { size, view, outputSide } = mapping;
  const grid = (side: number): Pick<Panel, 'rows' | 'columns'> => ({ rows: side, columns: side });
  const map = { palette: 'wall', unit: FLOOR_OR_WALL } as const;
  const large = { ...grid(outputSide), size: 2, shift };
  const place = { ...large, marks: 'place' } as const;
  const several = readers.length > 1;
  const asked = readers.flatMap(({ name, side }, k) => [
    panel({
      id: `question-${k}`,
      title: several ? `Question ${name}` : 'Question',
      caption: 'where do such patches lie?',
      ...map,
      ...grid(side),
    }),
    panel({
      id: `answer-${k}`,
      title: several ? `Answer to ${name}` : 'Answer',
      caption: 'probability of each place',
      ...place,
      begins: true,
    }),
    panel({
      id: `chosen-${k}`,
      title: 'At least ½',
      caption: 'the places that it names',
      ...place,
      unit: ['not named', 'named'],
    }),
    panel({ id: `target-${k}`, title: 'True answer', caption: 'the places there are', ...place, unit: ['no', 'yes'] }),
  ]);
  return [
    panel({
      id: 'maze',
      title: 'Maze',
      caption: 'the whole map, which it never sees',
      ...map,
      ...grid(size),
      size: 3,
      shift: [0, 0],
      marks: 'way',
      asks: true,
    }),
    panel({ id: 'view', title: 'View', caption: `the ${view}×${view} cells around it`, ...map, ...grid(view) }),
    ...asked.slice(0, 1),
    panel({ id: 'map', title: 'Seen so far', caption: 're-centered at the start', ...map, ...large, marks: 'way' }),
    ...asked.slice(1),
  ];
}
