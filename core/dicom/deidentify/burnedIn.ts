/**
 * Whether text may be burned into an image's pixels. Pixels are never changed here: a person has to look. What the file says
 * itself (Burned In Annotation) comes first; where it says nothing, what it says about its making.
 */
import type { Attributes } from '../attributes.ts';

/** Screens and cameras write on their pictures; so do scanners of films and ultrasound machines. */
const WRITTEN_MODALITIES = new Set(['SC', 'US', 'OT', 'XC', 'ES', 'GM', 'SM', 'HC', 'DG', 'IVUS', 'RF', 'XA']);
/** Secondary Capture, single and multi-frame. */
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7';
const FILM_CONVERSIONS = new Set(['DF', 'SD', 'SI', 'DV', 'DRW', 'WSD', 'SYN']);

/** Sentences; empty where nothing points to it. */
export function burnedInWarnings(attributes: Attributes): string[] {
  const stated = attributes.string('x00280301').toUpperCase();
  const warnings: string[] = [];
  if (stated === 'YES') warnings.push('The file says that text is burned into its pixels; it stays there.');
  else if (stated !== 'NO') {
    const clue = clueOf(attributes);
    if (clue) warnings.push(`Text may be burned into the pixels (${clue}); look at the film before you pass it on.`);
  }
  if (attributes.string('x00280302').toUpperCase() === 'YES') {
    warnings.push('The file says that a person can be recognised in its pixels.');
  }
  if (hasEmbeddedOverlay(attributes)) {
    warnings.push('An overlay is embedded in unused bits of the pixels; it stays there.');
  }
  return warnings;
}

function clueOf(attributes: Attributes): string | null {
  const modality = attributes.string('x00080060').toUpperCase();
  if (WRITTEN_MODALITIES.has(modality)) return `modality ${modality}`;
  if (attributes.string('x00080016').startsWith(SECONDARY_CAPTURE)) return 'secondary capture';
  const conversion = attributes.string('x00080064').toUpperCase();
  if (FILM_CONVERSIONS.has(conversion))
    return conversion === 'DF' ? 'a digitised film' : `conversion type ${conversion}`;
  const imageType = attributes.strings('x00080008').map((each) => each.toUpperCase());
  const clue = imageType.find((each) => each === 'SECONDARY' || /SCREEN|CAPTURE|REPORT/.test(each));
  if (clue) return `image type ${clue}`;
  return attributes.short('x00280002') === 3 ? 'a colour image' : null;
}

function hasEmbeddedOverlay(attributes: Attributes): boolean {
  return attributes.tags().some((tag) => /^x60..0100$/.test(tag) && attributes.short(tag) !== 1);
}
