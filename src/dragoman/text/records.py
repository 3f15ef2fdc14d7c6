"""Lines that programs write and read: settings, catalogues of messages, heads of mails, logs. Translates none.

Of such a line the label and the syntax stay, and the words of its value are read: `"title": "My notes",` and
`title: My notes`, `msgid "My notes"`, `2024-05-01 12:00:03 INFO [main] app.Server - It has started`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dragoman.text.kinds import Kind, Role, Span

# -- settings and messages ---------------------------------------------------------------------------------------------

_KEYS = (  # written small at the start of a line, of a file of settings: of prose the first word has a capital
    "about|author|body|button|caption|categories|category|content|copyright|description|draft|footer|greeting|header"
    "|heading|homepage|keywords|label|lang|language|layout|license|menu|name|placeholder|repository|slug|subtitle"
    "|summary|tagline|tags|text|title|tooltip|type|version"
)
_QUOTED = r"\"(?:[^\"\\\n]|\\.){1,100}+\"|'(?:[^'\\\n]|\\.){1,100}+'"
_BARE = r"[a-z$_][\w$-]*(?:\.[\w$-]+)*"
_DECLARED = r"(?:export[ ])?(?:const|let|var|val|final|static)[ ](?:\w{1,40}[ ])?\w{1,60}"
_INDENT = r"[ \t]*(?:-[ ]+)?"
_STRING = r"(?P<quote>[\"'`])(?P<words>(?:\\.|(?!(?P=quote))[^\\\n])*+)(?P=quote)[ ]?[,;]?[ ]*"
_ASSIGNED = (
    rf"{_INDENT}(?:{_QUOTED}|{_DECLARED}|{_BARE})[ ]?(?::|=>|:=|=)[ ]*"
    rf"|[ ]*msg(?:id|id_plural|str(?:\[\d\])?)[ ]+"
)
_VALUE = re.compile(rf"(?m:^(?P<head>{_ASSIGNED}){_STRING}$)")
# A string before a comment, whose words are read, too.
_COMMENTED = re.compile(
    rf"(?m:^(?P<head>{_INDENT}(?:{_QUOTED}|{_BARE})[ ]?(?::|=)[ ]*)"
    r"(?P<quote>[\"'])(?P<words>(?:\\.|(?!(?P=quote))[^\\\n])*+)(?P=quote)[,;]?(?P<gap>[ ]+(?:#|;|//)[ ])(?=\S))"
)
# The comment behind a line of code: two spaces before its sign.
_COMMENT = re.compile(
    r"(?<=\S)[ ]{2,20}(?:#|//|;|--)[ ](?=\w)|(?<=true) [#;] (?=\w)|(?<=false) [#;] (?=\w)|(?<=\d) [#;] (?=\w)"
)
_ITEM = re.compile(r"(?m:^(?P<head>[ \t]*)(?P<quote>\")(?P<words>(?:\\.|[^\"\\\n])*+)\"[ ]?,[ ]*$)")
_PREFIXED = re.compile(
    rf"(?m:^(?P<head>[ \t]*[fFrRbBuU]{{1,2}}){_STRING.replace('[,;]?', '[,;)]*')}$)"
)  # f"..."
_LIST = re.compile(
    rf"(?m:^{_INDENT}(?:(?:{_QUOTED}|{_BARE})[ ]?[:=][ ]*)?\[[ ]*(?:{_QUOTED})"
    rf"(?:,[ ]*(?:{_QUOTED})){{0,60}}[ ]*\][,;]?$)"
)
_FIRST_ITEM = re.compile(r"\[[ ]*[\"']")
_BETWEEN_ITEMS = re.compile(r"[\"'],[ ]*[\"']")
# A value without quotes: of YAML after a key that is indented, joined or known; of properties after an equals sign.
_LABEL = re.compile(
    rf"(?m:^(?:[ \t]{{2,}}(?:-[ ]+)?{_BARE}|[ \t]*-[ ]+{_BARE}|(?=\w*[._-]\w){_BARE}|(?:{_KEYS})):[ ]+(?=[^\s\d|>&*])"
    r"|^[ \t]*(?=\w+[._-])[a-zA-Z][\w-]*(?:\.[\w-]+)*(?:[ ]?=[ ]?(?=[A-Z{][\w{} ]|[\u3400-\u9fff])"
    r"|[ ]=[ ](?=[a-z]+[ ]))"
    r"|^[a-z]\w+(?:(?:[ ]=[ ]|=(?=[A-Z{]))(?=[A-Za-z{][\w'’{},-]*[ ][A-Za-z])|[ ]?=[ ]?(?=[\u3400-\u9fff])))"
)
_WHOLE = re.compile(  # a key whose value has no words, and what no one reads
    rf"(?m:^{_INDENT}(?:{_QUOTED})[ ]?:[ ]*(?:true|false|null|-?\d[\d.eE+-]*|[\[{{])?[\]}},]*$"
    rf"|^{_INDENT}{_BARE}:(?:[ ]+(?:true|false|null|yes|no|on|off|~|[|>][+-]?\d?))?$"
    # Of Fluent, with all its variants; of TOML and INI, before a comment
    rf"|^-?[a-zA-Z][\w-]*[ ]=[ ]\{{[^\n]*\}}$"
    rf"|^{_BARE}[ ]?=[ ]?(?=\S{{0,300}}[/\\:@_.$])[^\s\"'{{(\[]\S{{0,300}}$"
    rf"|^{_INDENT}{_BARE}[ ]?=[ ]?(?:true|false|yes|no|on|off|-?\d[\d_.eE+-]*)(?=[ ]+[#;][ ])"
    r"|^Style:[ ][^,\n]{1,60}(?:,[^,\n]{0,40}){12,}$|^Format:[ ](?:Layer|Marked|Name),[ ][\w, ]+$"
    r"|^msgctxt[ ]\"[^\"\n]*\"$|^\#[.,:~|][ ].*$)"
)
_PAIR = re.compile(
    r"(?<![\w\"])\"[\w.$-]{1,60}\":[ ]?(?:\"(?P<words>[^\"\n]{0,200})\"|true|false|null|-?\d[\d.]*(?!\w))"
)

# -- mails, logs and chats ---------------------------------------------------------------------------------------------

_RFC_DATE = (
    r"(?:[A-Z][a-z]{2},[ ])?\d{1,2}[ ][A-Z][a-z]{2}[ ]\d{4}[ ]\d\d:\d\d(?::\d\d)?[ ](?:[+-]\d{4}|[A-Z]{2,4})"
)
_HEAD_LINE = re.compile(
    r"(?m:^(?:>[ ]?)*(?:From|To|Cc|CC|Bcc|BCC|Reply-To|Sender|Return-Path):"
    # Names and addresses alone: after an address other words go on with a sentence
    r"(?:[ ](?:[^@\n<>]{0,60}[ ])?+<?[^\s@<>,;]{1,64}@[^\s@<>,;]{1,255}>?[,;]?){1,30}+$"
    rf"|^(?:>[ ]?)*(?:Date|Sent):[ ]{_RFC_DATE}$"
    r"|^(?:Message-I[Dd]|In-Reply-To|References|MIME-Version|Content-[A-Z][\w-]+|X-[A-Z][\w-]+|User-Agent|Received"
    r"|DKIM-Signature|List-[A-Z]\w+|Accept(?:-\w+)?|Authorization|Set-Cookie|Cookie|Cache-Control|ETag|Host)"
    r":[ ]\S[^\n]*$"
    # A line of a web server's log
    r"|^\S{1,60}[ ]\S{1,40}[ ]\S{1,40}[ ]\[\d{1,2}/[A-Z][a-z]{2}/\d{4}:[^\]\n]{1,30}\][ ]\"[^\"\n]{0,2000}\"[^\n]*$)"
    rf"|(?<!\w){_RFC_DATE}(?!\w)"
)
_REPLY = r"(?:(?:RE|Re|FW|FWD|Fwd|Fw|AW|WG|SV|TR)(?:\[\d{1,2}\])?:[ ])"
_LEVEL = r"(?:ERROR|ERR|WARN|WARNING|NOTICE|INFO|DEBUG|TRACE|FATAL|CRITICAL)\b:?"
_WRITER = (
    rf"(?:\[[^\]\n]{{1,60}}\]:?|{_LEVEL}|\d{{1,7}}(?=[ ](?:---|\[))|---"
    r"|[\w$]+(?:\.[\w$]+)+(?::\d+)?:?|[\w$/-]{1,60}(?=:?[ ]+-[ ]|:[ ]))"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2})?(?:[ \u202f]?[APap]\.?[Mm]\.?)?"
_PERSON = r"(?:[A-Z~][^:\n.!?<>\[\]]{0,30}|[a-z]\w{0,20}):(?=[ ])"
_BEGINNING = re.compile(
    rf"(?m:^Subject:[ ](?=\S){_REPLY}*|^{_REPLY}+(?=\S)"
    r"|^\[?\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[ ]?[+-]\d\d:?\d\d|[ ]UTC)?\]?"
    rf"(?:[ ]+{_WRITER})*+(?:[ ]+[-:])?(?=[ ]+\S)"
    r"|^[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d\d:\d\d:\d\d[ ][\w.-]{1,60}[ ][\w./-]{1,60}(?:\[\d{1,9}\])?:(?=[ ])"
    r"|^[IWEF]\d{4}[ ]\d\d:\d\d:\d\d\.\d{1,9}[ ]+\d{1,9}[ ][\w./-]{1,80}:\d{1,6}\](?=[ ])"
    r"|^npm[ ](?:ERR!|WARN)(?=[ ])|^(?:error|warning|note)\[[A-Z]{1,3}\d{1,5}\]:(?=[ ])"
    rf"|^\[?\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{2,4}},?[ ]{_CLOCK}\]?(?:[ ][-–])?(?=[ ])(?:[ ]{_PERSON})?"
    rf"|^\[?{_CLOCK}\]?(?:[ ][-–][ ]{_PERSON}|(?=[ ]<[^<>\s]{{1,30}}>))"
    # A line of a subtitle file, with what tells where it is shown
    r"|^(?:Dialogue|Comment):[ ]\w*=?\d*(?:,\d+:\d\d:\d\d\.\d\d){2}(?:,[^,\n]{0,60}){6},(?:\{\\[^{}\n]{1,200}\})*"
    r"|^\#\+[A-Za-z_]{2,30}:(?=[ ])|^BREAKING[ -]CHANGE:(?=[ ])|^:[ ]{1,4}(?=\w)"
    # What goes on from the line before
    r"|^[-–—]?[ ]?(?:\.{3}|…)(?=[ ]?[a-z]))"
)
# What a notice is about, before it: 【重要】, [Important]; no key, which stands so, too.
_TOPIC = re.compile(
    r"(?m:^[ ]{0,9}(?P<open>[【\[])(?:(?<=【)[^【】\n]{1,30}"
    r"|(?!(?:Enter|Space|Tab|Shift|Delete|Home|Escape|Return|Insert|End)\])[A-Z][a-z]{2,20}(?:[ ][A-Za-z]{1,20}){0,3})"
    r"(?P<close>】[ ]?|\][ ](?=[A-Z\"“{<]))(?=\S))"
)
# Who sends a message, at its end: 请勿泄露。【淘宝】
_SENDER = re.compile(r"(?m:(?<=[。！？.!?\d])(?P<open>【)[^【】\n]{1,20}(?P<close>】)$)")
_ENDING = re.compile(r"(?m:(?<=\w)(?:--|[—–])$)")
# 12" is a measure where no quote is open.
_INCHES = re.compile(
    r"(?<![\w.,/\"'′])(?:\d{1,3}[ -])?\d{1,3}(?:\.\d{1,2}|/\d{1,2})?[\"″](?=[\s,.;:)x×-]|$)", re.MULTILINE
)

# A text without any of these, and without any sign that is in no ordinary sentence, has no such line.
SUSPECT = (
    r"(?m:^[ \t-]*\"[^\"\n]*\"[ ]?[:,]|^[ \t-]*[a-z$_][\w.$-]*:(?:[ ]|$)|^[ \t]*msg[a-z]|^(?:Subject|X-\w+|Host):[ ]"
    rf"|^{_REPLY}|--$|[—–]$|^[-–—]?[ ]?(?:\.{{3}}|…)[ ]?[a-z]|^BREAKING"
    r"|^:[ ]|^npm[ ])|\":|[ ]{3}|\.{5}|(?:\.[ ]){5}"
)


def records(text: str) -> Iterator[Span]:
    """What is a label or syntax in such lines; some may overlap."""
    yield from _values(text)
    yield from _labels(text)


def _values(text: str) -> Iterator[Span]:
    """Strings, in quotes: the quotes are syntax."""
    for pattern in (_VALUE, _ITEM, _PREFIXED):
        for line in pattern.finditer(text):
            if line.start("words") == line.end("words"):
                yield Span(*line.span(), Kind.WORD)
                continue
            yield Span(line.start(), line.start("words"), Kind.MARK, Role.OPENS)
            yield Span(line.end("words"), line.end(), Kind.MARK, Role.CLOSES)
    for line in _COMMENTED.finditer(text):
        yield Span(line.start(), line.start("words"), Kind.MARK, Role.OPENS)
        yield Span(line.end("words"), line.end("gap"), Kind.BREAK)
    yield from (Span(*match.span(), Kind.BREAK) for match in _COMMENT.finditer(text))
    for line in _LIST.finditer(text):
        head = _FIRST_ITEM.search(text, line.start(), line.end())
        assert head
        at = head.end()
        yield Span(line.start(), at, Kind.MARK, Role.OPENS)
        for gap in _BETWEEN_ITEMS.finditer(text, at, line.end()):
            yield Span(*gap.span(), Kind.BREAK)
        last = max(text.rfind('"', at, line.end()), text.rfind("'", at, line.end()))
        yield Span(last, line.end(), Kind.MARK, Role.CLOSES)


def _labels(text: str) -> Iterator[Span]:
    for pattern in (_WHOLE, _HEAD_LINE):
        yield from (Span(*match.span(), Kind.WORD) for match in pattern.finditer(text))
    strings = {line.start("words") for line in _VALUE.finditer(text)}
    for pair in _PAIR.finditer(text):  # within a line: the string of a line that holds nothing else is read
        if pair.start("words") not in strings:
            yield Span(*pair.span(), Kind.WORD)
    for pattern in (_LABEL, _BEGINNING):
        yield from (Span(*match.span(), Kind.MARK, Role.OPENS) for match in pattern.finditer(text))
    yield from (Span(*match.span(), Kind.MARK, Role.CLOSES) for match in _ENDING.finditer(text))
    for topic in _TOPIC.finditer(text):
        yield Span(*topic.span("open"), Kind.MARK, Role.OPENS)
        yield Span(*topic.span("close"), Kind.BREAK)
    for sender in _SENDER.finditer(text):
        yield Span(*sender.span("open"), Kind.BREAK)
        yield Span(*sender.span("close"), Kind.MARK, Role.CLOSES)
    yield from _inches(text)


def _inches(text: str) -> Iterator[Span]:
    """Measures: numbers before a quote where none is open."""
    measures = 0  # in this line: their signs close and open nothing
    at = 0
    for match in _INCHES.finditer(text):
        measures = measures if text.find("\n", at, match.start()) < 0 else 0
        before = text[max(0, match.start() - 500) : match.start()].rpartition("\n")[2]
        at = match.end()
        if (before.count('"') - measures) % 2 == 0:
            measures += match.group()[-1] == '"'
            yield Span(*match.span(), Kind.NUMBER)
