/** What was taken out of the lists, here or in an earlier session; each is put back by its button. */
import { useFrom, useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';

export function RemovedList() {
  const { removals } = useWorkbench();
  const removed = useFrom(removals, (state) => state.removed);
  if (!removed) return null;
  const { collections, films, checkpoints, servers } = removed;
  const lines = [
    ...collections.map(({ id, name }) => ({ id, name, restore: () => removals.restoreCollection(id) })),
    ...checkpoints.map(({ id, name }) => ({ id, name, restore: () => removals.restoreCheckpoint(id) })),
    ...servers.map(({ id, name, address }) => ({
      id,
      name: name === address ? name : `${name} (${address})`,
      restore: () => removals.restoreServer(id),
    })),
    ...(films.length > 0
      ? [{ id: 'films', name: text.removals.films(films.length), restore: removals.restoreFilms }]
      : []),
  ];
  if (lines.length === 0) return <p className="muted">{text.removals.none}</p>;
  return (
    <>
      <p className="muted">{text.removals.hint}</p>
      <ul className="removed-list">
        {lines.map(({ id, name, restore }) => (
          <li key={id} className="row">
            <span>{name}</span>
            <span className="spring" />
            <button type="button" aria-label={text.removals.restoreOne(name)} onClick={() => void restore()}>
              {text.removals.restore}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
