/**
 * A table of figures, by TanStack Table: sorted by its heads, columns hidden and widened, its rows merged where a column says
 * so; copied into a spreadsheet and saved as CSV as it stands. The markup is a plain table, so that a screen reader has its
 * own commands for it.
 *
 * Keyboard: Tab to a head, Enter sorts (up, down, as it was), Shift with the left and right arrows sets the column's width.
 */
import {
  type ColumnDef,
  cellSpanningFeature,
  columnResizingFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  createSortedRowModel,
  type Header,
  type ReactTable,
  rowSortingFeature,
  type SortFn,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import {
  Fragment,
  type HTMLAttributes,
  type KeyboardEvent,
  type ReactNode,
  useId,
  useMemo,
  useRef,
  useState,
} from 'react';
import { text } from '../text.ts';
import { ArrowDown, ArrowUp } from './icons.ts';
import { CopyButton, QuietButton } from './parts.tsx';
import { fileNameOf, saveFile } from './saveFile.ts';
import { cellsOf, commaSeparated, tabbed } from './tableText.ts';

const features = tableFeatures({
  rowSortingFeature,
  columnVisibilityFeature,
  columnSizingFeature,
  columnResizingFeature,
  cellSpanningFeature,
  sortedRowModel: createSortedRowModel(),
});
type Features = typeof features;

type SortValue = number | string | null | undefined;

export interface Column<Row> {
  id: string;
  head: ReactNode;
  /** The head in words, where it is more than words. */
  name?: string;
  hint?: string;
  cell(row: Row): ReactNode;
  /** By what rows are sorted; nothing stands last. Without it the head does not sort. */
  sort?(row: Row): SortValue;
  /** Neighbouring rows with the same key have one cell. */
  merge?(row: Row): string;
  /** Names the row. */
  isRowHead?: boolean;
  /** One head above this column and its neighbours of the same group. */
  group?: { id: string; head: ReactNode; className?: string; hint?: string };
  className?: string;
  headClassName?: string;
  cellClassName?(row: Row): string;
  /** What a cell of pictures or controls says in a file. */
  said?(row: Row): string;
}

/** Columns that can be hidden are offered from this many on. */
const MANY_COLUMNS = 4;
const WIDER = 16;
const NARROWEST = 32;

/**
 * @param label read out as the table's name, where no heading or caption says it
 * @param cells what is copied and saved, head first; absent: what the table says
 * @param rowProps of a row's element
 */
export function DataTable<Row>(props: {
  className: string;
  name: string;
  label?: string;
  caption?: string;
  columns: readonly Column<NoInfer<Row>>[];
  rows: readonly Row[];
  rowKey(row: Row): string;
  rowProps?(row: Row): HTMLAttributes<HTMLTableRowElement> & { 'data-label'?: string };
  headless?: boolean;
  /** A line of its own under a row, over all columns. */
  below?(row: Row): ReactNode;
  cells?: () => string[][];
}) {
  const { className, name, label, caption, columns, rows, rowKey, rowProps, headless, below } = props;
  const element = useRef<HTMLTableElement>(null);
  const data = useMemo(() => rows.map((row) => ({ row })), [rows]);
  const definitions = useMemo(() => definitionsOf(columns), [columns]);
  const table = useTable<Features, Shown<Row>>({
    ...{ features, columns: definitions, data, columnResizeMode: 'onChange' },
    getRowId: ({ row }) => rowKey(row),
  });
  const byId = new Map(columns.map((column) => [column.id, column]));
  const cells = props.cells ?? (() => (element.current ? cellsOf(element.current) : []));
  const widths = table.state.columnSizing;
  return (
    <div className="data-table">
      <table ref={element} className={className} aria-label={label}>
        {caption && <caption>{caption}</caption>}
        {!headless && (
          <thead>
            {table.getHeaderGroups().map((group) => (
              <tr key={group.id}>
                {group.headers.map((header) => (
                  <Head
                    key={header.id}
                    header={header}
                    table={table}
                    columns={columns}
                    width={widths[header.column.id]}
                  />
                ))}
              </tr>
            ))}
          </thead>
        )}
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <Fragment key={row.id}>
              <tr {...rowProps?.(row.original.row)}>
                {row.getVisibleCells().map((cell) => {
                  const column = byId.get(cell.column.id);
                  if (!column || cell.getIsCovered()) return null;
                  const Cell = column.isRowHead ? 'th' : 'td';
                  const own = [column.className, column.cellClassName?.(row.original.row)].filter(Boolean).join(' ');
                  const span = cell.getRowSpan();
                  return (
                    <Cell
                      key={cell.id}
                      scope={column.isRowHead ? 'row' : undefined}
                      className={own || undefined}
                      rowSpan={span > 1 ? span : undefined}
                      style={styleOf(widths[column.id])}
                      data-value={column.said?.(row.original.row)}
                    >
                      {column.cell(row.original.row)}
                    </Cell>
                  );
                })}
              </tr>
              {below && (
                <tr>
                  <td colSpan={row.getVisibleCells().length} className="below">
                    {below(row.original.row)}
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
      <TakeOut name={name} cells={cells}>
        {columns.length >= MANY_COLUMNS && (
          <ColumnChoice table={table} columns={columns} name={label ?? caption ?? name} />
        )}
      </TakeOut>
    </div>
  );
}

/** The rows may be words: a table's are objects. */
interface Shown<Row> {
  row: Row;
}

type AnyTable<Row> = ReactTable<Features, Shown<Row>>;

function definitionsOf<Row>(columns: readonly Column<Row>[]): ColumnDef<Features, Shown<Row>>[] {
  const leaf = (column: Column<Row>): ColumnDef<Features, Shown<Row>> => ({
    id: column.id,
    accessorFn: ({ row }) => (column.merge ? column.merge(row) : (column.sort?.(row) ?? undefined)),
    enableSorting: column.sort !== undefined,
    sortFn: compare,
    sortUndefined: 'last',
    enableHiding: !column.isRowHead,
    enableMultiSort: true,
    spanRows: column.merge !== undefined,
    minSize: NARROWEST,
  });
  const definitions: ColumnDef<Features, Shown<Row>>[] = [];
  for (const [at, column] of columns.entries()) {
    const { group } = column;
    if (!group) definitions.push(leaf(column));
    else if (columns[at - 1]?.group?.id !== group.id) {
      const members = columns.filter((each) => each.group?.id === group.id);
      definitions.push({ id: group.id, columns: members.map(leaf) });
    }
  }
  return definitions;
}

/** Numbers by size, words as a person orders them: "Film 2" before "Film 10". */
// biome-ignore lint/suspicious/noExplicitAny: it serves the rows of every table.
const compare: SortFn<any, any> = (a, b, id) => {
  const [one, other] = [a.getValue<SortValue>(id), b.getValue<SortValue>(id)];
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  return String(one).localeCompare(String(other), 'en', { numeric: true });
};

function Head<Row>(props: {
  header: Header<Features, Shown<Row>>;
  table: AnyTable<Row>;
  columns: readonly Column<Row>[];
  width: number | undefined;
}) {
  const { header, table, columns, width } = props;
  const { column: model } = header;
  const group = columns.find((each) => each.group?.id === model.id)?.group;
  if (group)
    return (
      <th scope="colgroup" colSpan={header.colSpan} className={group.className} title={group.hint}>
        {group.head}
      </th>
    );
  const column = columns.find(({ id }) => id === model.id);
  if (!column || header.isPlaceholder) return <td />;
  const sorted = model.getIsSorted();
  const own = [column.className, column.headClassName].filter(Boolean).join(' ');
  const words = wordsOf(column);
  return (
    <th
      scope="col"
      className={own || undefined}
      title={column.hint}
      style={styleOf(width)}
      aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
    >
      {model.getCanSort() ? (
        <button
          type="button"
          className="sort"
          title={text.frame.sortBy(words)}
          onClick={model.getToggleSortingHandler()}
          onKeyDown={(event) => widenByKey(event, table, model.id)}
        >
          {column.head}
          {sorted === 'asc' && <ArrowUp size={12} aria-hidden="true" />}
          {sorted === 'desc' && <ArrowDown size={12} aria-hidden="true" />}
        </button>
      ) : (
        column.head
      )}
      {/* By keyboard the head itself is widened. */}
      <span
        className="widen"
        aria-hidden="true"
        onDoubleClick={() => model.resetSize()}
        onMouseDown={(event) => {
          startAsDrawn(event.currentTarget.parentElement, table, model.id);
          header.getResizeHandler()(event);
        }}
      />
    </th>
  );
}

/** Until it is touched a column is as wide as its words; the model learns that width when it is. */
function startAsDrawn<Row>(head: HTMLElement | null, table: AnyTable<Row>, id: string): number {
  const drawn = Math.max(NARROWEST, head?.offsetWidth ?? NARROWEST);
  table.setColumnSizing((before) => ({ ...before, [id]: drawn }));
  return drawn;
}

function widenByKey<Row>(event: KeyboardEvent<HTMLElement>, table: AnyTable<Row>, id: string): void {
  const by = { ArrowLeft: -WIDER, ArrowRight: WIDER }[event.key];
  if (!by || !event.shiftKey) return;
  event.preventDefault();
  const drawn = startAsDrawn(event.currentTarget.closest('th'), table, id);
  table.setColumnSizing((before) => ({ ...before, [id]: Math.max(NARROWEST, drawn + by) }));
}

function styleOf(width: number | undefined) {
  return width === undefined
    ? undefined
    : { width, minWidth: width, maxWidth: width, overflow: 'hidden', textOverflow: 'ellipsis' };
}

function wordsOf<Row>({ id, name, head }: Column<Row>): string {
  return name ?? (typeof head === 'string' ? head : id);
}

/** Which columns are shown. */
function ColumnChoice<Row>(props: { table: AnyTable<Row>; columns: readonly Column<Row>[]; name: string }) {
  const { table, columns, name } = props;
  const [open, setOpen] = useState(false);
  const id = useId();
  const all = table.getAllLeafColumns().filter((column) => column.getCanHide());
  const hidden = all.filter((column) => !column.getIsVisible()).length;
  return (
    <>
      <button type="button" className="quiet" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {text.frame.columns(hidden)}
      </button>
      <fieldset id={id} className="column-choice" hidden={!open} aria-label={text.frame.columnsOf(name)}>
        {all.map((model) => {
          const column = columns.find((each) => each.id === model.id);
          return (
            <label key={model.id} className="tick">
              <input type="checkbox" checked={model.getIsVisible()} onChange={model.getToggleVisibilityHandler()} />
              {column ? nameWithGroup(column) : model.id}
            </label>
          );
        })}
      </fieldset>
    </>
  );
}

function nameWithGroup<Row>(column: Column<Row>): ReactNode {
  return column.group ? (
    <>
      {column.group.head} {wordsOf(column)}
    </>
  ) : (
    wordsOf(column)
  );
}

/** The buttons under a table. */
export function TakeOut({ name, cells, children }: { name: string; cells: () => string[][]; children?: ReactNode }) {
  return (
    <div className="take-out">
      <CopyButton title={text.frame.copyTable} value={() => tabbed(cells())} />
      <QuietButton
        title={text.frame.saveCsv}
        onClick={() => saveFile(fileNameOf(name, 'csv'), commaSeparated(cells()), 'text/csv')}
      />
      {children}
    </div>
  );
}
