/** What is taken out of the lists, and put back. */
import { plural } from './format.ts';

const stays = 'its files stay';

export const removals = {
  undo: 'Take the last removal back',
  nothing: 'Nothing was removed since the start. Settings lists what was removed before.',
  restoreFailed: 'The removal could not be taken back',
  failed: 'It could not be removed',
  collection: (name: string) => `${name} was removed from the list; ${stays}`,
  study: (films: number) => `A study with ${plural(films, 'film')} was removed from the list; ${stays}`,
  folder: (folder: string) => `${folder} was removed from the list; ${stays}`,
  removeCollection: (name: string) => `Remove ${name} from the list; ${stays}`,
  removeStudy: `Remove this study from the list; ${stays}`,
  removeFolder: `Remove the folder of this film from the list; ${stays}`,
  ofDataset: 'Films of a data set are removed with the data set.',
  itsCollection: 'the data set of this film',
  title: 'Removed',
  hint: 'Taken out of the lists. Their files and what was made with them are still there.',
  none: 'Nothing is removed.',
  films: (films: number) => `Opened films: ${films.toLocaleString('en')}`,
  restore: 'Put back',
  restoreOne: (name: string) => `Put back: ${name}`,
};
