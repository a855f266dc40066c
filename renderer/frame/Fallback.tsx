/** A fault of one screen leaves the rest of the window alive, and says what it was. */
import { Component, type ReactNode } from 'react';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import { text } from '../text.ts';
import { ErrorBox } from './parts.tsx';

export class Fallback extends Component<{ children: ReactNode }, { error: ErrorData | null }> {
  override state: { error: ErrorData | null } = { error: null };

  static getDerivedStateFromError(thrown: unknown) {
    return { error: toErrorData(thrown) };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="page">
        <ErrorBox title={text.frame.screenFailed} error={error} />
        <button type="button" onClick={() => this.setState({ error: null })}>
          {text.frame.drawAgain}
        </button>
      </div>
    );
  }
}
