/** A table of figures that can be copied into a spreadsheet and saved as CSV. */
import { type ReactNode, useRef } from 'react';
import { text } from '../text.ts';
import { CopyButton, QuietButton } from './parts.tsx';
import { fileNameOf, saveFile } from './saveFile.ts';
import { cellsOf, commaSeparated, tabbed } from './tableText.ts';

/**
 * @param label read out as the table's name, where no heading or caption says it
 * @param cells what is copied and saved, head first; absent: what the table says
 */
export function DataTable(props: {
  className: string;
  name: string;
  label?: string;
  cells?: () => string[][];
  children: ReactNode;
}) {
  const { className, name, label, children } = props;
  const table = useRef<HTMLTableElement>(null);
  const cells = props.cells ?? (() => (table.current ? cellsOf(table.current) : []));
  return (
    <div className="data-table">
      <table ref={table} className={className} aria-label={label}>
        {children}
      </table>
      <TakeOut name={name} cells={cells} />
    </div>
  );
}

/** The two buttons under a table. */
export function TakeOut({ name, cells }: { name: string; cells: () => string[][] }) {
  return (
    <div className="take-out">
      <CopyButton title={text.frame.copyTable} value={() => tabbed(cells())} />
      <QuietButton
        title={text.frame.saveCsv}
        onClick={() => saveFile(fileNameOf(name, 'csv'), commaSeparated(cells()), 'text/csv')}
      />
    </div>
  );
}
