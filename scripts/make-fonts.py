"""Makes the fonts of the report from Inter's static TTF files (SIL Open Font License 1.1; npm @expo-google-fonts/inter).

Keeps Latin, Greek and Cyrillic letters, punctuation and a few signs, and puts Inter's tabular figures (feature tnum) in place of the proportional ones,
so that columns of numbers stand under each other without a layout feature, which would be slow in the PDF writer.

    python scripts/make-fonts.py SOURCE.ttf OUT.ttf      # needs fonttools
"""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

KEPT = [*range(0x20, 0x7F), *range(0xA0, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x2000), *range(0x2010, 0x2028),
        0x2030, 0x2032, 0x2033, 0x2039, 0x203A, 0x20AC, 0x2122, *range(0x2190, 0x2194), 0x2212, 0x2248, 0x2260, 0x2264,
        0x2265, 0x25A1, 0x2713, 0x2717]


def tabular(font: TTFont) -> dict[str, str]:
    gsub = font["GSUB"].table
    indices = {i for record in gsub.FeatureList.FeatureRecord if record.FeatureTag == "tnum"
               for i in record.Feature.LookupListIndex}
    mapping: dict[str, str] = {}
    for i in sorted(indices):
        for table in gsub.LookupList.Lookup[i].SubTable:
            mapping.update(getattr(table, "ExtSubTable", table).mapping)
    return mapping


def main(source: str, out: str) -> None:
    font = TTFont(source, recalcTimestamp=False)
    mapping = tabular(font)
    for table in font["cmap"].tables:
        for code, glyph in list(table.cmap.items()):
            if chr(code) in "0123456789":
                table.cmap[code] = mapping.get(glyph, glyph)
    options = subset.Options(layout_features=["kern", "mark", "ccmp"], name_IDs=["*"], notdef_outline=True, hinting=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=KEPT)
    subsetter.subset(font)
    font.save(out)


main(*sys.argv[1:])
