/** The study list: collections and their films, patients together; only the lines in view are drawn. */

import { type Range, useVirtualizer } from '@tanstack/react-virtual';
import { type FormEvent, memo, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { FilmEntry } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import {
  ChevronDown,
  ChevronRight,
  Copy,
  Download,
  FolderOpen,
  FolderPlus,
  ShieldCheck,
  Trash2,
  TriangleAlert,
  X,
} from '../frame/icons.ts';
import { Empty, IconButton, ProgressBar } from '../frame/parts.tsx';
import { fileNameOf, saveFile } from '../frame/saveFile.ts';
import { commaSeparated, tabbed } from '../frame/tableText.ts';
import { STUDY_ORDERS, type StudyOrder, type StudyRow, studyRows } from '../state/library.ts';
import { fileName, text } from '../text.ts';
import { ageText, dateText } from '../viewer/Overlay.tsx';
import { AgreementFilter } from './AgreementFilter.tsx';
import { ExportSheet } from './ExportSheet.tsx';
import { FilmPicture } from './FilmPicture.tsx';
import { positives } from './filter.ts';
import { listTable } from './listTable.ts';

const ROW_HEIGHT = 52;
/** Lines drawn beyond each edge, so that scrolling shows no gaps; ahead of a fast wheel as many as its last two steps passed. */
const OVERSCAN = 8;
const MOST_AHEAD = 48;
const CHIPS = 4;

export function StudyList() {
  const { library, reader } = useWorkbench();
  const rows = useFrom(library, studyRows);
  const loaded = useFrom(library, (state) => state.loaded);
  const filter = useFrom(library, (state) => state.filter);
  const followed = useFrom(library, (state) => state.followed);
  const scan = useFrom(library, (state) => state.scan);
  const blinded = useFrom(reader, (state) => state.blinded);
  const narrowed = useFrom(library, (state) => state.filter !== '' || state.agreement.kind !== 'all');
  return (
    <section className="studies" aria-label={text.studies.title} data-area="studies">
      <header className="panel-head">
        <h2>{text.studies.title}</h2>
        <OpenButtons />
      </header>
      <div className="filter">
        <input
          id="study-filter"
          type="search"
          value={filter}
          placeholder={text.studies.filterHint}
          aria-label={text.studies.filter}
          onChange={(event) => library.setFilter(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
        />
      </div>
      <Order />
      <AgreementFilter />
      {followed && (
        <div className="followed">
          <span>{blinded ? text.studies.followed : followed.title}</span>
          <IconButton title={text.studies.unfollow} onClick={library.unfollow}>
            <X size={14} />
          </IconButton>
        </div>
      )}
      {rows.some((row) => row.kind === 'film') || rows.some((row) => row.kind === 'collection' && row.folded) ? (
        <Lines rows={rows} />
      ) : (
        <Nothing loaded={loaded} filtered={narrowed} />
      )}
      {scan && (
        <div className="scan">
          {text.studies.scanning(scan)}
          <ProgressBar progress={scan} label={text.frame.jobKinds.scan} />
        </div>
      )}
      <Hint />
      <PathBox />
      <ExportSheet />
    </section>
  );
}

function Order() {
  const { library } = useWorkbench();
  const order = useFrom(library, (state) => state.order);
  return (
    <div className="list-choice">
      <select
        aria-label={text.studies.order}
        value={order}
        onChange={(event) => library.setOrder(event.target.value as StudyOrder)}
      >
        {STUDY_ORDERS.map((each) => (
          <option key={each} value={each}>
            {text.studies.orders[each]}
          </option>
        ))}
      </select>
      <TakeOutList />
    </div>
  );
}

/** The list itself, for a spreadsheet. */
function TakeOutList() {
  const { library, reader, frame } = useWorkbench();
  const cells = () => {
    const { collections } = library.store.getState();
    return listTable(library.listed(), collections, !reader.store.getState().blinded);
  };
  async function copy() {
    await navigator.clipboard.writeText(tabbed(cells()));
    frame.done(text.studies.listCopied(library.listed().length));
  }
  return (
    <>
      <IconButton title={text.studies.copyList} onClick={() => void copy()}>
        <Copy size={14} />
      </IconButton>
      <IconButton
        title={text.studies.saveList}
        onClick={() => saveFile(fileNameOf(text.studies.title, 'csv'), commaSeparated(cells()), 'text/csv')}
      >
        <Download size={14} />
      </IconButton>
    </>
  );
}

function Hint() {
  const { frame } = useWorkbench();
  if (!useFrom(frame, (state) => state.hint)) return null;
  return (
    <div className="hint">
      <div>
        {text.studies.hint.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
      <IconButton title={text.frame.dismiss} onClick={() => void frame.hintSeen()}>
        <X size={14} />
      </IconButton>
    </div>
  );
}

function Nothing({ loaded, filtered }: { loaded: boolean; filtered: boolean }) {
  const { library, frame } = useWorkbench();
  const bringing = useFrom(frame, (state) => state.jobs.find((job) => job.kind === 'scan' && job.state === 'running'));
  if (!loaded) return <Empty title={text.studies.loading} />;
  if (!filtered && bringing) return <Empty title={bringing.title} hint={text.studies.coming} />;
  if (!filtered) return <Empty title={text.studies.empty} hint={text.studies.emptyHint} />;
  return (
    <Empty title={text.studies.nothingFound}>
      <button type="button" onClick={library.showAll}>
        {text.studies.clearFilter}
      </button>
    </Empty>
  );
}

function OpenButtons() {
  const workbench = useWorkbench();
  const { bridge, exporting } = workbench;
  const files = async () => workbench.openPaths(await bridge.pickFiles());
  const folder = async () => {
    const path = await bridge.pickFolder();
    if (path) await workbench.openPaths([path]);
  };
  return (
    <div className="row">
      <IconButton title={text.export.open} onClick={exporting.show}>
        <ShieldCheck size={16} />
      </IconButton>
      {bridge.dialogs && (
        <>
          <IconButton title={text.studies.openFiles} onClick={() => void files()}>
            <FolderOpen size={16} />
          </IconButton>
          <IconButton title={text.studies.openFolder} onClick={() => void folder()}>
            <FolderPlus size={16} />
          </IconButton>
        </>
      )}
    </div>
  );
}

/** In a browser there is no file dialog that tells paths: one is typed or pasted. */
function PathBox() {
  const workbench = useWorkbench();
  const recent = useFrom(workbench.library, (state) => state.recent);
  const [path, setPath] = useState('');
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (path.trim() === '') return;
    const panel = event.currentTarget.closest('.studies');
    const focused = document.activeElement;
    setPath('');
    await workbench.openPaths([path.trim()]);
    // So that the next key goes to the films, not into the path.
    if (document.activeElement === focused) panel?.querySelector<HTMLElement>('.lines')?.focus();
  }
  return (
    <form className="path-box" onSubmit={submit}>
      <input
        value={path}
        list="recent-paths"
        placeholder={text.studies.pathHint}
        aria-label={text.studies.openPath}
        onChange={(event) => setPath(event.target.value)}
      />
      <datalist id="recent-paths">
        {recent.map(({ path: each }) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <button type="submit">{text.studies.open}</button>
    </form>
  );
}

function Lines({ rows }: { rows: StudyRow[] }) {
  const { library } = useWorkbench();
  const currentId = useFrom(library, (state) => state.currentId);
  const scroller = useRef<HTMLDivElement>(null);
  const at = useMemo(() => rows.findIndex((row) => row.id === currentId), [rows, currentId]);
  const from = useRef(0);
  const rangeExtractor = useCallback((range: Range) => {
    const step = range.startIndex - from.current;
    from.current = range.startIndex;
    return drawnLines(range, step);
  }, []);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
    rangeExtractor,
    // A line more is seen on the way that the keys go.
    scrollPaddingStart: ROW_HEIGHT,
    scrollPaddingEnd: ROW_HEIGHT,
  });
  const drawn = virtual.getVirtualItems();

  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [at, virtual]);

  return (
    <div
      ref={scroller}
      className="lines"
      role="treegrid"
      aria-label={text.studies.title}
      aria-rowcount={rows.length}
      aria-activedescendant={drawn.some(({ index }) => index === at) ? lineId(rows[at].id) : undefined}
      tabIndex={0}
      onKeyDown={(event) => {
        const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (!by) return;
        event.preventDefault();
        library.step(by);
      }}
    >
      <div role="rowgroup" className="lines-all" style={{ height: virtual.getTotalSize() }}>
        {drawn.map(({ index }) => (
          <Line key={rows[index].id} row={rows[index]} at={index} current={index === at} />
        ))}
      </div>
    </div>
  );
}

/** The lines that are drawn: those in view, `OVERSCAN` more on each side, and ahead of a scroll by `step` lines what its next two pass. */
function drawnLines({ startIndex, endIndex, count }: Range, step: number): number[] {
  const ahead = Math.min(MOST_AHEAD, OVERSCAN + 2 * Math.abs(step));
  const [above, below] = step < 0 ? [ahead, OVERSCAN] : [OVERSCAN, ahead];
  const first = Math.max(0, startIndex - above);
  return Array.from({ length: Math.min(count - 1, endIndex + below) - first + 1 }, (_, i) => first + i);
}

function lineId(id: string): string {
  return `line-${id}`;
}

const Line = memo(function Line({ row, at, current }: { row: StudyRow; at: number; current: boolean }) {
  const { library } = useWorkbench();
  const place = { top: at * ROW_HEIGHT, height: ROW_HEIGHT };
  const onClick = () => (row.kind === 'film' ? library.select(row.id) : library.fold(row.collection.id));
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: arrow keys, j and k choose rows.
    <div
      id={lineId(row.id)}
      role="row"
      aria-rowindex={at + 1}
      aria-level={row.kind === 'film' ? 2 : 1}
      aria-selected={row.kind === 'film' ? current : undefined}
      aria-expanded={row.kind === 'collection' ? !row.folded : undefined}
      className={`line line-${row.kind}${current ? ' current' : ''}`}
      style={place}
      onClick={onClick}
    >
      {row.kind === 'film' ? (
        <FilmLine entry={row.entry} firstOfPatient={row.firstOfPatient} />
      ) : (
        <CollectionLine row={row} />
      )}
    </div>
  );
});

/** By keyboard: the commands of the same name, Delete and Shift+Delete on a film. */
function RemoveButton({ title, onClick }: { title: string; onClick(): void }) {
  return (
    <button
      type="button"
      className="icon-button remove"
      tabIndex={-1}
      aria-label={title}
      title={title}
      onClick={(event) => {
        event.stopPropagation();
        onClick();
      }}
    >
      <Trash2 size={13} />
    </button>
  );
}

function CollectionLine({ row }: { row: Extract<StudyRow, { kind: 'collection' }> }) {
  const { library } = useWorkbench();
  const { collection, shown, all, folded } = row;
  const Chevron = folded ? ChevronRight : ChevronDown;
  return (
    <div role="gridcell" className="cell">
      <Chevron size={14} aria-hidden="true" />
      <span className="collection-name">{collection.name}</span>
      <span className="muted">{text.studies.role[collection.role]}</span>
      <span className="count" title={text.studies.counts(collection)}>
        {text.studies.films(shown, all)}
      </span>
      <RemoveButton
        title={text.removals.removeCollection(collection.name)}
        onClick={() => void library.removeCollection(collection.id)}
      />
    </div>
  );
}

function FilmLine({ entry, firstOfPatient }: { entry: FilmEntry; firstOfPatient: boolean }) {
  const { library } = useWorkbench();
  const name = entry.patientId || fileName(entry.path);
  const person = [entry.patientSex, ageText(entry.patientAge)].filter(Boolean).join(' ');
  return (
    <div role="gridcell" className="cell film-cell">
      <FilmPicture filmId={entry.id} />
      <div className="film-lines">
        <div className="film-line">
          <span className={firstOfPatient ? 'patient' : 'patient again'}>{name}</span>
          <span className="muted">{person}</span>
          <span className="count">{entry.viewPosition}</span>
          {entry.warnings.length > 0 && (
            <TriangleAlert size={13} className="warn" aria-label={entry.warnings.join(' ')} role="img" />
          )}
        </div>
        <div className="film-line">
          <Chips entry={entry} />
          <span className="count small">{dateText(entry.studyDate)}</span>
        </div>
      </div>
      {library.isOpened(entry) && (
        <RemoveButton title={text.removals.removeStudy} onClick={() => void library.removeStudy(entry)} />
      )}
    </div>
  );
}

function Chips({ entry }: { entry: FilmEntry }) {
  const { reader } = useWorkbench();
  if (useFrom(reader, (state) => state.blinded)) return <div className="chips muted">{text.reader.hidden}</div>;
  if (!entry.truth) return <div className="chips muted">{text.studies.noTruth}</div>;
  const found = positives(entry);
  return (
    <div className="chips">
      {found.slice(0, CHIPS).map((label) => (
        <span key={label} className="chip" title={label}>
          {text.labelCodes[label]}
        </span>
      ))}
      {found.length > CHIPS && <span className="muted">{text.studies.more(found.length - CHIPS)}</span>}
    </div>
  );
}
