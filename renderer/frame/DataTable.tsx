/** A table of figures that can be copied into a spreadsheet and saved as CSV. */
import { type ReactNode, useRef } from 'react';
import { text } from '../text.ts';
import { CopyButton, QuietButton } from './parts.tsx';
import { fileNameOf, saveFile } from './saveFile.ts';
import { cellsOf, commaSeparated, tabbed } from './tableText.ts';

export function DataTable(props: { className: string; name: string; children: ReactNode }) {
  const { className, name, children } = props;
  const table = useRef<HTMLTableElement>(null);
  const cells = () => (table.current ? cellsOf(table.current) : []);
  return (
    <div className="data-table">
      <table ref={table} className={className}>
        {children}
      </table>
      <div className="take-out">
        <CopyButton title={text.frame.copyTable} value={() => tabbed(cells())} />
        <QuietButton
          title={text.frame.saveCsv}
          onClick={() => saveFile(fileNameOf(name, 'csv'), commaSeparated(cells()), 'text/csv')}
        />
      </div>
    </div>
  );
}
