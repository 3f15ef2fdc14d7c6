"""A command of a shell, or a statement of SQL, within a sentence: from its first word to where the sentence goes on.

Nothing tells the end of `git push origin main` but what its words are. In doubt a word belongs to the sentence. Runs
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dragoman.text import solid
from dragoman.text.kinds import Kind, Span

# Programs whose names are no words, and those that are: these need an option or a path right after them.
_PROGRAMS = (
    "ansible|ansible-playbook|apt|apt-get|aws|awk|brew|bun|cargo|chmod|chown|cmake|conda|crontab|curl|deno|dnf|docker"
    "|docker-compose|dragoman|ffmpeg|gcc|gcloud|git|gradle|grep|helm|jq|kubectl|mkdir|mvn|mypy|mysql|npm|npx|nslookup"
    "|pip|pip3|pnpm|poetry|psql|pytest|redis-cli|rmdir|rsync|ruff|rustup|scp|sed|sqlite3|ssh|sudo|systemctl|tar"
    "|terraform|unzip|uv|wget|xargs|yarn|yum"
)
_BARE = "bash|cd|cp|df|du|java|ln|ls|mv|nano|node|perl|php|ps|python|python3|rm|ruby|sh|vim|zsh"
_WORDS = "cat|cut|echo|export|find|go|head|kill|less|make|ping|sort|source|tail|touch"
_SUBCOMMANDS = frozenset(
    "activate add apply audit bisect blame branch build check checkout cherry-pick ci clean clone commit compose"
    " config "
    "create deactivate delete describe diff disable down edit enable exec fetch freeze get init inspect install list "
    "log login logs merge outdated publish pull push rebase reload remote remove reset restart restore revert"
    " rollback "
    "rollout run scale search show start stash status stop submodule switch tag test uninstall up update"
    " upgrade".split()
)
_NAMING = frozenset(
    "activate add create delete describe enable disable exec get install logs remove restart run search start stop "
    "uninstall upgrade".split()
)
_NAMES = frozenset("all clean develop head install main master origin test upstream".split())
_PROSE = frozenset(
    "a an the and or but to in on at of for from with without by as if is are was were be it this that then now"
    " before "
    "after when while where which who how not no first again instead here there often always never also will can"
    " could "
    "should would must may might does did do has have had you we they he she your my our their every each".split()
)
_HEAD = re.compile(
    rf"(?<![\w.$/@-])(?:(?P<program>{_PROGRAMS})|(?P<bare>{_BARE})|(?P<word>{_WORDS}))(?=[ ][^\s(])"
)
_SQL_HEAD = re.compile(
    r"(?<!\w)(?:SELECT(?=[ ][^\n;]{1,300}?[ ]FROM[ ]\w|[ ][*\d])|INSERT INTO|DELETE FROM|UPDATE(?=[ ]\w{1,60}[ ]SET)"
    r"|(?:CREATE|DROP|ALTER|TRUNCATE)[ ](?:TABLE|INDEX|VIEW|DATABASE)"
    r"|(?:WHERE|HAVING|AND)(?=[ ][\w.]{1,60}[ ]?(?:[=<>!]|LIKE|IN[ ]\(|IS[ ]N|BETWEEN))"
    r"|(?:ORDER|GROUP)[ ]BY(?=[ ][a-z_])|(?:(?:LEFT|RIGHT|INNER|OUTER|CROSS)[ ])?JOIN(?=[ ][a-z_]))(?![\w-])"
)
_BEGINS = re.compile(f"{_HEAD.pattern}|{_SQL_HEAD.pattern}")
_NAME = re.compile("[A-Za-z][a-zA-Z0-9-]+")
_FIRST = frozenset(
    f"{_PROGRAMS}|{_BARE}|{_WORDS}|SELECT|INSERT|DELETE|UPDATE|CREATE|DROP|ALTER|TRUNCATE|WHERE|HAVING|AND|ORDER"
    f"|GROUP|LEFT"
    "|RIGHT|INNER|OUTER|CROSS|JOIN".split("|")
)
_ARGUMENT = re.compile(
    rf"[ ]{{1,3}}(?:(?P<quoted>\"[^\"\n]{{0,200}}\"|'[^'\n]{{0,200}}')"
    rf"|(?P<bare>[^\s\"'“”‘’，。；：！？、（）{solid.HIDDEN}]{{1,300}}))"
)
_OPTION = re.compile(r"--?[A-Za-z][\w=./:,-]*|-\d{1,9}")
_OPERATOR = re.compile(r"[|]{1,2}|&&|2?>{1,2}|<|\\|2>&1")
_CODE = re.compile(
    r"\.{1,2}|[.~$*/+][\w./*~-]{1,300}|.*[A-Za-z].*[/_=@\\*:].*|.*[/_=@\\*:].*[A-Za-z].*|.*\w\.[a-z]\w{0,9}"
)
_NEAR = re.compile(r"-.*|\.{1,2}|[.~/].+|\$[A-Za-z]\w*|[A-Z_a-z]\w*=.*")
_PLAIN = re.compile(r"[a-z][a-z0-9-]{0,40}")
# What a word of the sentence follows: my cat, they find, it doesn't go.
_OF_PROSE = re.compile(
    r"(?i)(?:(?<!\w)(?:an?|the|my|your|his|her|our|their|its|this|that|every|each|no|not|i|we|they|he|she|you|it)"
    r"|n['’]t) $"
)

_SQL = re.compile(
    r"[ ]{0,3}(?:(?P<key>(?:SELECT|DISTINCT|FROM|WHERE|AND|OR|NOT|IN|IS|NULL|AS|ON|SET|INTO|VALUES|ORDER|GROUP|BY|ASC"
    r"|DESC|LIMIT|OFFSET|HAVING|LEFT|RIGHT|INNER|OUTER|CROSS|JOIN|UNION|ALL|LIKE|BETWEEN|COUNT|EXISTS|CASE|WHEN|THEN"
    r"|ELSE|END|PRIMARY|KEY|TABLE|INDEX|ADD|COLUMN|DEFAULT|IF)(?!\w))"
    r"|(?P<sign>[=<>!]{1,2}|,|[+/|-]{1,2}(?=[ ]))"
    r"|(?P<operand>'[^'\n]{0,100}'|\"[^\"\n]{0,100}\"|\([^()\n]{0,300}\)|\*|\d{1,20}(?:\.\d{1,20})?|[?]|[:@$]\w{1,60}"
    r"|[A-Za-z_]\w{0,60}(?:\.(?:\w{1,60}|\*)){0,4}(?:\([^()\n]{0,100}\))?"
    # A name in Chinese, where a name has to stand and nothing but the statement goes on
    rf"|(?<=[A-Z,=] )[{solid.HIDDEN}]{{1,20}}(?=[ ]?(?:[;,=<>]|[A-Z]{{2}}|$))))"
)


_AFTER_ALIAS = ("ON", "WHERE", "SET", "JOIN", "LEFT", "RIGHT", "INNER", "OUTER", "CROSS")


def may_have(text: str) -> bool:
    """Whether a command may stand in a text: asked of every one, so it has to be quick."""
    return not _FIRST.isdisjoint(_NAME.findall(text))


def commands(text: str, start: int, end: int) -> Iterator[Span]:
    """Each with its arguments, of a text that may have some. Solid signs of the text are hidden (solid.py)."""
    at = start
    while (head := _BEGINS.search(text, at, end)) is not None:
        program = head.group("program") or head.group("bare") or head.group("word")
        reach = _statement(text, head.end(), end) if program is None else _command(text, head, end)
        if reach > head.end():
            yield Span(head.start(), reach, Kind.WORD)
        at = max(reach, head.end())


def _command(text: str, head: re.Match[str], end: int) -> int:
    """Where a command ends whose first word was found; where this ends, if it is none."""
    word = head.group()
    loose, git = head.group("program") is None, word == "git"
    sure = at = head.end()
    naming = valued = False
    waiting = number = 0
    while (found := _ARGUMENT.match(text, at, end)) is not None and waiting < 3:
        quoted, argument = found.group("quoted"), found.group("bare") or ""
        own = argument if argument in ("..", ".") else argument.rstrip(".,;:!?)")
        stop = found.end() if quoted else found.start("bare") + len(own)
        if number == 0 and loose and not _follows(head, own, quoted):
            break
        if quoted or _OPTION.fullmatch(own) or (_CODE.fullmatch(own) and own not in ("and/or", "he/she")):
            sure, waiting = stop, 0
        elif _OPERATOR.fullmatch(own) and _ARGUMENT.match(text, stop, end):
            after = _ARGUMENT.match(text, stop, end)
            sure = after.end() if after else stop
            stop = sure
        elif number == 0 and word == "cat" and len(own) == 1:
            waiting = 1
        elif valued and own.isupper():  # -X POST
            sure, waiting = stop, 0
        elif not _PLAIN.fullmatch(own) or own in _PROSE:
            break
        elif (
            valued
            or (naming and _may_name(own, git))
            or (number == 0 and (own in _SUBCOMMANDS or word == "sudo" or (loose and own in _NAMES)))
        ):
            sure, waiting = stop, 0
        else:
            waiting += 1
        naming = (naming or own in _NAMING or git or word == "sudo") and not quoted
        valued = (_OPTION.fullmatch(own) and "=" not in own) or _OPERATOR.fullmatch(own) is not None
        number, at = number + 1, stop
        if not quoted and len(own) < len(argument):
            break
    return sure


def _follows(head: re.Match[str], own: str, quoted: str | None) -> bool:
    """Whether what stands after a word of the language, or a short name, makes a command of it."""
    formula = own.startswith("$") and not own.isupper()  # or a variable
    before = max(head.start() - 8, 0), head.start()
    if head.group("word") and formula and _OF_PROSE.search(head.string, *before):
        return False
    if head.group() == "make":
        return own in _NAMES or own.startswith("-")
    if quoted:
        return head.group() == "echo"
    return _NEAR.fullmatch(own) is not None or (
        (head.group("bare") is not None and _CODE.fullmatch(own) is not None)
        or (head.group() == "cat" and len(own) == 1 and own.isalnum())
    )


def _may_name(word: str, git: bool) -> bool:
    return word in _NAMES if git else not word.endswith(("ing", "ed", "ly"))


def _statement(text: str, at: int, end: int) -> int:
    """Where a statement of SQL ends: before the second of two names that nothing stands between."""
    reach, named = at, False
    while (token := _SQL.match(text, reach, end)) is not None:
        called = token.group("operand")
        if called and named and not called.startswith("(") and not _is_alias(called, text, token.end(), end):
            break
        if called and called[0].isupper() and not re.search(r"[.(_\d]", called):  # a sentence begins
            break
        named = called is not None or token.group("key") in ("ASC", "DESC", "NULL", "END", "KEY")
        reach = token.end()
    if reach == at:
        return at
    return reach + 1 if text[reach : reach + 1] == ";" else reach


def _is_alias(name: str, text: str, at: int, end: int) -> bool:
    """Whether a short name after another renames a table: orders o ON."""
    after = _SQL.match(text, at, end)
    return len(name) <= 3 and name.islower() and after is not None and after.group("key") in _AFTER_ALIAS
