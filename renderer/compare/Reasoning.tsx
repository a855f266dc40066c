/**
 * The reasoning of an answer: what the other reading does not have is marked, and every label that changed stands at the
 * sentence that changed it. Pointing at a sentence marks its labels in the matrix, and the other way round.
 */
import { useMemo } from 'react';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import type { Prediction } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';
import { diffReasonings, type Op, type Part } from './diff.ts';
import { changeOf } from './matrix.ts';
import { type Sentence, sentenceOf, sentences } from './sentences.ts';

/** A label that this answer says and the other does not (`said`), or the other way round. */
export interface Tie {
  label: Label;
  said: boolean;
}

export interface Comparison {
  parts: Part[];
  /** By the place of the sentence. */
  ties: Tie[][];
  /** Labels that changed without a sentence of this reasoning that says so. */
  loose: Tie[];
}

export function compareReasonings(prediction: Prediction, other: Prediction | null): Comparison {
  const ours = sentences(prediction.reading.reasoning);
  const parts = diffReasonings(other ? sentences(other.reading.reasoning) : ours, ours);
  const changed = ours.map(() => false);
  for (const part of parts) if (part.kind === 'added' || part.kind === 'changed') changed[part.index] = true;
  const comparison: Comparison = { parts, ties: ours.map(() => []), loose: [] };
  if (!other) return comparison;
  for (const label of CHEXPERT_LABELS) {
    const change = changeOf(label, other.reading, prediction.reading);
    if (change === 'same') continue;
    const tie = { label, said: change === 'gained' };
    const at = sentenceOf(label, tie.said, ours, changed);
    (at < 0 ? comparison.loose : comparison.ties[at]).push(tie);
  }
  return comparison;
}

export function Reasoning(props: { prediction: Prediction; other: Prediction | null; otherName: string }) {
  const { prediction, other, otherName } = props;
  const { reading } = useWorkbench();
  const showDifference = useFrom(reading, (state) => state.showDifference);
  const { parts, ties, loose } = useMemo(() => compareReasonings(prediction, other), [prediction, other]);
  if (parts.every((part) => part.kind === 'removed') && !showDifference)
    return <p className="muted">{text.compare.noReasoning}</p>;
  return (
    <>
      <div className="prose">
        {parts.map((part, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: sentences have no other identity than their place.
          <PartView key={index} part={part} ties={ties} whole={showDifference} otherName={otherName} />
        ))}
      </div>
      {loose.length > 0 && (
        <p className="loose muted">
          {text.compare.loose} <Ties ties={loose} otherName={otherName} />
        </p>
      )}
    </>
  );
}

function PartView(props: { part: Part; ties: Tie[][]; whole: boolean; otherName: string }) {
  const { part, ties, whole, otherName } = props;
  if (part.kind === 'removed') {
    if (!whole) return null;
    return (
      <del className="removed" title={text.compare.onlyIn(otherName)}>
        {part.sentence.text}{' '}
      </del>
    );
  }
  return (
    <SentenceView
      sentence={part.sentence}
      changed={part.kind !== 'same'}
      words={whole && part.kind === 'changed' ? part.words : null}
      ties={ties[part.index]}
      otherName={otherName}
    />
  );
}

function SentenceView(props: {
  sentence: Sentence;
  changed: boolean;
  words: Op<string>[] | null;
  ties: Tie[];
  otherName: string;
}) {
  const { sentence, changed, words, ties, otherName } = props;
  const { reading } = useWorkbench();
  const hovered = useFrom(reading, (state) => state.hovered);
  const labels = [...sentence.mentions.map(({ label }) => label), ...ties.map(({ label }) => label)];
  const pointed = sentence.mentions.find(({ label }) => hovered.includes(label));
  const isTied = ties.some(({ label }) => hovered.includes(label));
  const marked = pointed?.polarity === 'denied' && !isTied ? ' denied' : pointed || isTied ? ' marked' : '';
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at a sentence only marks its labels in the matrix.
    <span
      className={`sentence${marked}${changed ? ' changed' : ''}`}
      title={changed ? text.compare.changedSentence(otherName) : undefined}
      onMouseEnter={() => reading.hover(labels)}
      onMouseLeave={() => reading.hover()}
    >
      {words ? <Words words={words} /> : `${sentence.text} `}
      {ties.length > 0 && <Ties ties={ties} otherName={otherName} />}
    </span>
  );
}

function Words({ words }: { words: Op<string>[] }) {
  return words.map(({ kind, value }, index) => {
    const word = `${value} `;
    // biome-ignore lint/suspicious/noArrayIndexKey: words have no other identity than their place.
    if (kind === 'removed') return <del key={index}>{word}</del>;
    // biome-ignore lint/suspicious/noArrayIndexKey: words have no other identity than their place.
    return kind === 'added' ? <ins key={index}>{word}</ins> : word;
  });
}

function Ties({ ties, otherName }: { ties: Tie[]; otherName: string }) {
  return ties.map(({ label, said }) => (
    <span
      key={label}
      className="tie"
      title={said ? text.compare.saidHere(label, otherName) : text.compare.notSaid(label, otherName)}
    >
      <span aria-hidden="true">
        {said ? '+' : '−'}
        {text.labelCodes[label]}
      </span>
      <span className="only-spoken">
        {said ? text.compare.saidHere(label, otherName) : text.compare.notSaid(label, otherName)}
      </span>{' '}
    </span>
  ));
}
