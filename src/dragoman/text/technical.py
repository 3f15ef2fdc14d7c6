"""How programs, machines and laboratories write: requirements, options, prompts, units. Finds nothing."""

from __future__ import annotations

from dragoman.text.solid import BETWEEN, HIDDEN

_TAG_NAME = (
    "a|body|button|div|form|h[1-6]|html|img|input|label|li|nav|[ou]l|p|section|select|span|t[dhr]|table"
)
FILE = r"(?:Docker|Make|Gem|Proc|Jenkins|Vagrant|Rake|Brew|Pip|Caddy|Pod|Snake|Just|Tilt|Earth)file"
_SPECIES = (
    "albicans|anthracis|arabica|aureus|botulinum|burgdorferi|carpio|cerevisiae|coli|difficile|domestica|elegans"
    "|erectus|falciparum|faecalis|fumigatus|gambiae|gondii|habilis|influenzae|jejuni|lactis|longum|lupus|melanogaster"
    "|meningitidis|monocytogenes|musculus|neanderthalensis|niger|norvegicus|officinalis|pneumoniae|pylori|pyogenes"
    "|rerio|rex|sapiens|sativa|sativum|sativus|subtilis|thaliana|trachomatis|tuberculosis|vinifera|vivax|vulgaris"
)
TECHNICAL = (
    # A requirement, a network card, a prompt or a place on a host, an option of a compiler, ^abc$, $[name], a?.b, %20
    r"(?<![\w.])[A-Za-z][\w.-]{0,40}(?:\[[\w,-]{1,40}\])?(?:(?:[=~!]=|[<>]=?)\d[\w.*]{0,20}(?<!\.)"
    r"(?:,(?:[=~!]=|[<>]=?)\d[\w.*]{0,20}(?<!\.)){0,3})(?<=[\w*])(?![\w>])(?<![a-z][<>]\d)"
    r"|(?<![\w:-])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![\w:])|(?<![\w-])(?:[0-9A-F]{2}-){5}[0-9A-F]{2}(?![\w-])"
    r"|(?<![\w.])(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}(?![\w.])"
    r"|(?<!\S)[\w.-]{1,40}@[\w.-]{1,60}:[~/][\w./~-]{0,100}(?:[$#](?!\w)|(?<![.-]))"
    rf"|{BETWEEN}-(?:[A-Za-z][\w-]{{0,20}}(?:=|:[+-])[^\s,;{HIDDEN}]{{1,100}}(?<![.,])|[A-Z][a-z]{{0,10}}\d\w{{0,10}}"
    rf"|W[a-z]{{2,20}})(?![\w-])|{BETWEEN}/[A-Za-z]{{1,12}}:[\w.=;-]{{1,80}}(?<![.;-])"
    r"|(?<!\S)\^[^\s^$]{1,60}\$(?!\w)|\$\[[\w.]{1,60}\]|(?<!\w)¶{1,2} ?\d{1,4}(?![\w%])"
    r"|(?<![\w°])(?<!\d[ \u00a0\u202f])°[CFK](?!\w)"
    r"|(?<![\w.])[A-Za-z_]\w{0,40}(?:\?\.[a-z_]\w{0,40}){1,6}(?:\(\))?(?!\w)|(?<![\w%])(?:%[0-9A-F]{2}){1,40}(?![\w%])"
    # !important, a:hover, #!/bin/sh, .env.local, 1_000_000, © 2024, USB-C
    rf"|!important(?!\w)|(?<![\w.])(?:{_TAG_NAME}):{{1,2}}(?:hover|focus|active|visited|before|after|checked|disabled"
    r"|(?:first|last)-child|(?:not|nth-child|nth-of-type)\([^()\s]{1,20}\))(?![\w-])"
    r"|#!/[\w./-]{1,60}|(?<![\w.])\.[a-z][\w-]{0,30}(?:\.[\w-]{1,30}){1,4}(?!\w|\.\w)"
    r"|(?<![\w.])\d{1,3}(?:_\d{3}){1,6}(?!\w)"
    r"|[©®℗] ?\d{4}(?:[–-]\d{2,4})?(?!\w)|(?<![\w-])[A-Z]{2,6}-[A-Z](?![\w-])"
    # Dockerfile, Gemfile.lock; a species of a genus cut short, as laboratories and physicians name it
    rf"|(?<![\w.]){FILE}(?:\.[\w-]{{1,20}})?(?!\w)"
    rf"|(?<![\w.])[A-Z]\. (?:{_SPECIES})(?![\w-])"
    # A unit by itself, a root, an ion
    r"|(?<![\w/])(?<!\d[ \u00a0\u202f])(?:[mnkµμ]?g|m?mol|IU|mEq|k?cal|k?W|lm)"
    r"/(?:[mdµμ]?[Ll]|k?g|[cm]?m[²³]|h|hr|min|day|dose|mol)(?![\w/])"
    r"|(?<!\w)(?:\d{1,9}(?:[.,]\d{1,9})?[ ]?)?[A-Za-zµμΩ]{1,4}(?:·[A-Za-zµμΩ]{1,4}[⁻⁺]?[¹²³]?){1,4}(?!\w)"
    r"|√\d{1,6}(?!\w)"
    r"|(?<!\w)(?:[A-Z][a-z]?[₀-₉]{0,3}){1,6}[²³⁴]?[⁺⁻](?!\w)"
)
