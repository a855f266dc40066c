"""The rewards of ChexReason Workbench in Python: hard and nuanced (arXiv 2512.23090, "Rewards").

The same functions as core/rewards/hard.ts, core/rewards/nuanced.ts and core/findings/parse.ts; both sides pass the cases of
reward_cases.json (`python rewards.py` runs them). Only the standard library is used. What the paper leaves open, and the
reader's eleven rules, stand in those files; here is what they come to.

Whitespace, word boundaries and letters without regard to case are those of JavaScript's regular expressions: re.ASCII, and
white space written out.
"""

import json
import os
import re
import sys

LABELS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
COMMON = ("No Finding", "Support Devices")
# Of form; an empty solution and one without a valid label have the right form and name nothing.
FORM_FAILURES = (
    "no-solution",
    "several-solutions",
    "unclosed-solution",
    "no-think",
    "several-thinks",
    "unclosed-think",
    "wrong-order",
    "text-outside",
)

SPACES = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
S = "[" + SPACES + "]"


def _re(pattern, flags=0):
    return re.compile(pattern.replace(r"\s", S), flags | re.ASCII)


def _class(pattern, flags=0):
    """For a pattern in which the white space stands within brackets."""
    return re.compile(pattern.replace(r"\s", SPACES), flags | re.ASCII)


# ------------------------------------------------------------------------------------------------------------ the reader


def _plain(text):
    """Character for character: full-width forms as ASCII, every kind of space and nothing as a space."""
    text = re.sub("[\uff01-\uff5e]", lambda m: chr(ord(m.group()) - 0xFEE0), text)
    text = re.sub("[\u00a0\u2000-\u200d\u202f\u2060\u3000\ufeff\u00ad]", " ", text)
    return re.sub("[\u2010\u2011]", "-", text)


TAGS = _re(r"<\s*(/?)\s*(think|solution)\s*>", re.IGNORECASE)
STRICT_TAGS = _re(r"<(/?)(think|solution)>")


def _tags(text, pattern):
    return [(m.group(2).lower(), m.group(1) == "/", m.start(), m.end()) for m in pattern.finditer(text)]


def _blocks(name, tags, start, text):
    """(start, end, text) of every closed block, and whether a last one is open."""
    blocks, opened = [], None
    for tag_name, closes, at, end in tags:
        if tag_name != name or at < start:
            continue
        if not closes:
            opened = (at, end)
        elif opened is not None:
            blocks.append((opened[0], end, text[opened[1] : at]))
            opened = None
    return blocks, opened is not None


def _outside(text, tags):
    blocks = sorted(_blocks("think", tags, 0, text)[0] + _blocks("solution", tags, 0, text)[0], key=lambda b: b[0])
    position = 0
    for start, end, _ in blocks:
        if text[position:start].strip(SPACES) != "":
            return True
        position = max(position, end)
    return text[position:].strip(SPACES) != ""


def _failed(failure, outside):
    return {"findings": [], "failure": failure, "invalid": [], "duplicates": [], "outside": outside}


def parse_completion(completion):
    """The evaluation's tolerant reader."""
    tags = _tags(_plain(completion), TAGS)
    last_think_end = max((end for name, closes, _, end in tags if name == "think" and closes), default=0)
    blocks, is_open = _blocks("solution", tags, last_think_end, completion)
    if not blocks and not is_open:
        blocks, is_open = _blocks("solution", tags, 0, completion)
    outside = _outside(completion, tags)
    if not blocks:
        return _failed("unclosed-solution" if is_open else "no-solution", outside)
    readings = [_names(text) for _, _, text in blocks]
    last = readings[-1]
    if any(not _same(reading["findings"], last["findings"]) for reading in readings):
        return _failed("several-solutions", outside)
    return dict(last, outside=outside)


def parse_strict(completion):
    """The format gate of the hard reward: one think block, then one solution block, nothing but white space outside."""
    tags = _tags(completion, STRICT_TAGS)
    order = " ".join(("/" if closes else "") + name for name, closes, _, _ in tags)
    outside = _outside(completion, tags)
    if order == "think /think solution /solution":
        failure = "text-outside" if outside else None
    else:
        failure = _strict_failure(tags)
    if failure is not None:
        return _failed(failure, outside)
    return dict(_names(completion[tags[2][3] : tags[3][2]]), outside=outside)


def _strict_failure(tags):
    def count(name, closes):
        return sum(1 for tag in tags if tag[0] == name and tag[1] == closes)

    if count("think", False) == 0:
        return "no-think"
    if count("think", False) > 1:
        return "several-thinks"
    if count("think", True) == 0:
        return "unclosed-think"
    if count("solution", False) == 0:
        return "no-solution"
    if count("solution", False) > 1:
        return "several-solutions"
    if count("solution", True) == 0:
        return "unclosed-solution"
    return "wrong-order"


DENYING_REMARK = re.compile(r"(no|not present|not seen|none|absent|negative|false|unlikely)\Z", re.IGNORECASE | re.ASCII)
DENYING_VALUE = re.compile(r"(no|not|none|absent|negative|false|unlikely|n)\b", re.IGNORECASE | re.ASCII)
DENIAL = re.compile(r"(no|not|without|absent|absence of|negative for|denies|no evidence of)\b", re.IGNORECASE | re.ASCII)
SEPARATORS = re.compile(r"[\n\r,;|/&]|\band\b", re.IGNORECASE | re.ASCII)
REMARK = re.compile(r"\(([^()]*)\)")
BULLET = _class("^[\\s\\-\u2013\u2014\u2022\u00b7+*#]*([0-9]+[\\s]*[.):])?")
BULLET_AGAIN = _class("^[\\s\\-\u2013\u2014\u2022\u00b7+#]+")
MARKS = re.compile("[\"'`*\\[\\]{}\u201c\u201d\u2018\u2019()<>]")
END = _class(r"[\s.!]+\Z")
NAME = _class(r"[A-Za-z\s_\-]+\Z")
NUMBER = _class(r"([0-9]+(?:\.[0-9]+)?)[\s]*(%?)")


def _names(block):
    text = _plain(re.sub("[\u200b-\u200d\u2060\ufeff\u00ad]", "", block))
    text = re.sub("```[a-z]*", "\n", text, flags=re.IGNORECASE | re.ASCII)
    text = REMARK.sub(lambda m: ": no" if DENYING_REMARK.match(m.group(1).strip(SPACES)) else " ", text)
    names = {"findings": [], "failure": None, "invalid": [], "duplicates": []}
    for item in (_bare(part) for part in SEPARATORS.split(text)):
        if item == "":
            continue
        label = _label_of(item)
        if label is None:
            names["invalid"].append(item)
        elif label == "denied":
            continue
        elif label not in names["findings"]:
            names["findings"].append(label)
        elif label not in names["duplicates"]:
            names["duplicates"].append(label)
    if not names["findings"]:
        names["failure"] = "empty-solution" if block.strip(SPACES) == "" else "no-valid-label"
    return names


def _bare(item):
    item = BULLET.sub("", item, count=1)
    item = MARKS.sub(" ", item)
    item = BULLET_AGAIN.sub("", item, count=1)
    item = END.sub("", item, count=1)
    return re.sub(S + "+", " ", item)


def _label_of(item):
    whole = _label_named(item)
    if whole is not None:
        return whole
    if DENIAL.match(item):
        return "denied"
    colon = re.search("[:=]", item)
    if colon is None:
        return None
    before = _label_named(item[: colon.start()])
    after = item[colon.start() + 1 :].strip(SPACES)
    if before is None:
        return "denied" if after == "" else _label_of(after)
    return "denied" if _says_no(after) else before


def _says_no(value):
    number = NUMBER.match(value)
    if number is None:
        return DENYING_VALUE.match(value) is not None
    return float(number.group(1)) < (50 if number.group(2) == "%" else 0.5)


def _key(name):
    words = re.split("[^a-z]+", name.lower())
    return "".join(re.sub("s$", "", re.sub("ies$", "y", word)) for word in words)


BY_KEY = {_key(label): label for label in LABELS}


def _label_named(name):
    return BY_KEY.get(_key(name)) if NAME.match(name) else None


def _same(a, b):
    return len(a) == len(b) and all(label in b for label in a)


# ------------------------------------------------------------------------------------------------------------ the rewards

HARD = {"minTokens": 250, "lambdaLen": 0.1, "emptyJaccard": 1.0}
NUANCED = {
    "exactMatch": 100,
    "partialRecall": 30,
    "partialPrecision": 20,
    "falsePositiveCommon": 20,
    "falsePositiveRare": 10,
    "window": 100,
    "windowMinimum": 50,
    "dominance": 0.7,
    "repetition": 30,
    "collapse": 50,
    "invalid": 100,
    "duplicate": 25,
    "outside": 25,
    "unreadable": 100,
    "scale": 1,
}


def hard_reward(samples, settings):
    """samples: [{completion, tokens (without the end token), truth: [label] or None}] -> [score or None]"""
    settings = dict(HARD, **settings)
    scores = []
    for sample in samples:
        if sample["truth"] is None:
            scores.append(None)
            continue
        reading = parse_strict(sample["completion"])
        if reading["failure"] in FORM_FAILURES:
            scores.append(0.0)
            continue
        match = _jaccard(reading["findings"], sample["truth"], settings["emptyJaccard"])
        scores.append(match - (settings["lambdaLen"] if sample["tokens"] < settings["minTokens"] else 0))
    return scores


def _jaccard(a, b, empty):
    either = set(a) | set(b)
    return empty if not either else len(set(a) & set(b)) / len(either)


def nuanced_reward(samples, state, settings):
    """(samples, the last predictions, oldest first) -> (scores, the last predictions)"""
    settings = dict(NUANCED, **settings)
    window = [list(prediction) for prediction in state]
    scores = []
    for sample in samples:
        reading = parse_completion(sample["completion"])
        if reading["failure"] not in FORM_FAILURES:
            window = (window + [reading["findings"]])[-settings["window"] :]
        truth = sample["truth"]
        scores.append(None if truth is None else _points(reading, truth, window, settings) * settings["scale"])
    return scores, window


def _points(reading, truth, window, settings):
    if reading["failure"] in FORM_FAILURES:
        return -settings["unreadable"]
    findings = reading["findings"]
    correct = sum(1 for label in findings if label in truth)
    false = [label for label in findings if label not in truth]
    points = settings["exactMatch"] if correct == len(truth) and not false else 0
    points += settings["partialRecall"] * (correct / len(truth) if truth else 0)
    points += settings["partialPrecision"] * (correct / len(findings) if findings else 0)
    points -= sum(settings["falsePositiveCommon" if label in COMMON else "falsePositiveRare"] for label in false)
    points -= _collapse(findings, window, settings)
    points -= settings["invalid"] * len(reading["invalid"]) + settings["duplicate"] * len(reading["duplicates"])
    return points - (settings["outside"] if reading["outside"] else 0)


def _collapse(findings, window, settings):
    if len(window) < settings["windowMinimum"]:
        return 0

    def dominates(holds):
        return sum(1 for prediction in window if holds(prediction)) > settings["dominance"] * len(window)

    dominant = [label for label in findings if dominates(lambda prediction: label in prediction)]
    collapsed = dominates(lambda prediction: _same(prediction, findings))
    return settings["repetition"] * len(dominant) + (settings["collapse"] if collapsed else 0)


def score(name, samples, state, settings):
    """By name, as a run's configuration has it -> (scores, state)."""
    if name == "hard":
        return hard_reward(samples, settings), None
    if name == "nuanced":
        return nuanced_reward(samples, state or [], settings)
    raise ValueError(f"There is no built-in reward of the name {name!r}.")


# -------------------------------------------------------------------------------------------------------------- the cases


def failures(path):
    """How many cases a file has, and a sentence about each that comes out otherwise."""
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    wrong = []
    for case in cases:
        scores, state = score(case["reward"], case["samples"], case.get("state"), case.get("settings", {}))
        same = all((a is None) == (b is None) and (a is None or abs(a - b) < 1e-9) for a, b in zip(scores, case["scores"]))
        if not same or len(scores) != len(case["scores"]):
            wrong.append(f"{case['why']}: {scores} instead of {case['scores']}")
        if "stateAfter" in case and state != case["stateAfter"]:
            wrong.append(f"{case['why']}: another state")
    return len(cases), wrong


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    count, wrong = failures(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "reward_cases.json"))
    print("\n".join(wrong) if wrong else f"{count} cases passed")
    raise SystemExit(1 if wrong else 0)
