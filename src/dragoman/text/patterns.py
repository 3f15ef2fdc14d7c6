"""How is written what no language has words for: an address, a format string, a number with its unit. Finds nothing.

In each table the first that matches is taken. Lengths are bounded and repetitions possessive: time stays linear in
the length of any text.
"""

from __future__ import annotations

_ADDRESS = r"(?:[^()\s]|\([^()\s]{0,200}\)){1,2000}(?:\s\"[^\"\n]{0,200}\")?"
_IN_URL = r"[^\s<>\"“”‘’（）{}|\\^`，。；：！？、]"
_BETWEEN = r"(?<!\S)"  # nothing but white space before it

PATTERNS = {
    "placeholder": r"⟦\d{1,2}⟧",
    "fence": r"```[^`]{0,20000}```|``(?:[^`\n]|`(?!`)){1,500}``|`[^`\n]{1,500}`",
    "message": r"\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:plural|select|selectordinal)\s{0,9},",
    "braces": r"\{\{\{[^{}\n]{1,200}\}\}\}|\{\{[^{}\n]{1,200}\}\}|\{%[^{}\n]{1,200}%\}"
    r"|[$#%@]?\{[^{}\s]{0,200}\}|[$#%]\{[^{}\n]{0,200}\}"
    r"|\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:number|date|time|spellout|ordinal|duration)\b[^{}\n]{0,200}\}"
    r"|\{ ?[A-Za-z_][\w.]{0,64} ?\}|\[\[[^\[\]\n]{1,100}\]\]|<<[^<>\n]{1,100}>>"
    r"|\$t\([^()\n]{1,200}\)|\\\([^()\n]{1,100}\)|@:[\w.]{1,100}",
    # What somebody fills in by hand: [NAME], and between the words of a sentence [FULL NAME].
    "blank": r"\[[A-Z][A-Z0-9_-]{1,40}\](?![(\[:])"
    r"|(?:(?<=[a-z] )\[[A-Z][A-Z0-9 _-]{1,40}\]|\[[A-Z][A-Z0-9 _-]{1,40}\](?= [a-z]))(?!\()",
    "percent": r"%%|%\([\w. ]{1,100}\)[-+ #0]{0,5}\d{0,5}(?:\.\d{1,5})?[a-zA-Z]|(?<!\d)(?<!\d\s)% [di](?!\w)"
    r"|%(?:(?:\d{1,3}|n)\$)?[-+#0]{0,5}(?:\d{1,5}|\*)?(?:\.(?:\d{1,5}|\*))?(?:hh|h|ll|l|z|j|t|q|L)?"
    r"[diouxXeEfFgGcrsap@](?![A-Za-z])"
    r"|(?<![\w%])%[A-Za-z_]\w{1,60}%|(?<![\w%])%\d(?!\d)",
    "autolink": r"<(?:[^<>\s]{1,64}@[^<>\s]{1,255}|[a-z]{2,9}:[^<>\s]{1,2000})>",
    "break": r"(?i:<br\s{0,9}/?>)|\t|(?<!\S)\|(?!\S)|(?m:^\||\|$)",
    "comment": r"<!--[^\n]{0,20000}?-->|<%[^\n]{0,500}?%>|<\?[^\n]{0,500}?\?>"
    # What ends a comment of a program, whose words are read; what begins it is its label
    r"|(?<!\S)\*{1,2}/(?!\S)",
    "tag": r"</?(?:[A-Za-z][^<>\n]{0,500}|\d{1,4}\s?/?)>"
    r"|\[/?(?:b|i|u|s|url|img|color|size|quote|code|list)(?:=[^\]\n]{0,200})?\]",
    "image": r"!\[[^\[\]\n]{0,300}\]\([^()\s]{1,2000}\)",
    "link": rf"(?<!\\)\[(?=[^\[\]\n]{{1,500}}\]\({_ADDRESS}\))",
    "target": rf"\]\({_ADDRESS}\)",
    "footnote": r"\[(?:\d{1,3}|\^\w{1,20}|[ xX])\]|(?<=[.!?。！？])[\u00b9\u00b2\u00b3\u2070-\u2079]{1,3}",
    # The label of an item, as (a), ii), 1) and IV., of a question, of a commit, of a directive of reStructuredText
    "label": r"(?<!\S)\((?:[a-z]|[ivx]{2,5}|\d{1,2})\)(?=[ ]\S)"
    r"|(?m:(?:^|(?<=[.:;,] ))(?:[a-zA-Z]|[ivx]{2,5})\)(?=[ ]\S)|(?<!\S)\d{1,2}\)(?=[ ]\S)"
    r"|^(?:[IVX]{2,5}|[VX])\.(?=[ ]\S)"
    r"|(?<!\S)(?:/{2,3}!?|/\*{1,2})(?=[ ]\S)|^[QA]:(?=[ ]\S)"
    r"|^(?:Signed-off|Co-authored|Reviewed|Acked|Tested|Reported|Suggested)-by:(?=[ ])"
    r"|^(?:feat|fix|docs|style|refactor|perf|test|build|ci|chore|revert)(?:\([\w./, -]{1,40}\))?!?:(?=[ ]\S)"
    r"|^[ ]{0,12}\.\.[ ][a-z][\w-]{0,40}::)",
    "url": r"(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5}[a-z]{2,10}(?::\d{2,5})?/"
    rf"{_IN_URL}{{1,2000}}|"
    r"(?<!\w)(?:[a-zA-Z][a-zA-Z0-9+.-]{1,20}://|www\.|mailto:|tel:(?=[+\d]))"
    r"(?:\[[0-9A-Fa-f:.]{2,45}\])?"
    rf"{_IN_URL}{{1,2000}}"
    r"|(?<![\w.-])localhost(?::\d{1,5})?(?:/[^\s<>\"]{0,500})?|(?<![\w.-])[a-z][a-z0-9-]{0,60}+:\d{4,5}(?![\w:])",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"
    r"(?::[\w.~-]{1,60}(?:/[\w.~-]{1,60}){1,9}(?<!\.))?",
    "mention": r"(?<![\w.@/])@[A-Za-z0-9_][\w-]{0,63}(?:\.[\w-]{1,63}){0,5}(?:@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})?",
    # IPv6, as the text form of RFC 4291 shortens it
    "ipv6": r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::"
    r"(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?(?:%\w{1,16})?(?:/\d{1,3})?(?<!:::)(?![\w:])",
    "emoji": r"(?<![\w:]):(?:(?=[\w+-]{0,63}[A-Za-z_])[\w+-]{1,64}|[+-]1):(?![\w:])|[0-9#*]\ufe0f?\u20e3"
    r"|(?:(?<![^\s.!?…([])(?:>?[:;=]['’]?[-^o]?[)(\[\]DPpOo3|/\\*@$]+|[xX]D+|</?3+|\^[_.-]?\^|[oO]_[oO]|[Tt]_[Tt]|-_-)"
    r"|(?<=[^\W\d_])[:;](?:-[)(DPp]|\)))(?![\w/])"
    r"|\((?:c|C|r|R|tm|TM)\)|¯\\_\(ツ\)_/¯",
    "colon": r"(?<![\w:]):[A-Za-z_]\w{0,63}(?:\.\w{1,63}){0,5}(?![\w:])",
    "entity": r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    # LaTeX: the words of \textbf{these words} are read, the argument of \cite{that} is not.
    "command": r"\\(?:text[a-z]{2,6}|emph|underline|(?:sub){0,2}section\*?|chapter|title|caption|footnote)\{",
    "latex": r"\$\$[^$\n]{1,500}\$\$"
    r"|(?<![\w$\\])\$(?=[^$\n]{0,200}[\\^_{}=+])[^\s$](?:[^$\n]{0,200}[^\s$\\])?\$(?![\w$])"
    r"|(?<![\w$\\])\$[A-Za-z]\$(?![\w$])"
    r"|(?<!\w)\\(?![nrt](?![a-z]))[A-Za-z]{2,30}\*?(?:\[[^\[\]\n]{0,100}\])?(?:\{[^{}\n]{0,200}\}){0,4}(?![\\\w])"
    r"|(?<!\w)\\\d(?!\d)",
    "escape": r"(?:\\[nrt](?![a-z]))+|(?:\\u[0-9A-Fa-f]{4})+",
    "area": r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30}){0,4}\s?[kcmnµμ]?m[²³](?!\w)",
    "issue": r"(?<![\w&#])#\d{1,12}(?!\w)",
    "hashtag": r"(?<![\w&#])#\w[\w-]{0,99}",
    "variable": r"(?<![\w$])\$[A-Za-z_]\w{0,63}(?![\w$])|(?<!\w)__\w{1,64}__(?!\w)",
    "path": r"(?<![\w/.~<])(?:~|\.{1,2})?/[\w@+~-][\w@+~.-]{0,254}(?:/[\w@+~.*-]{0,255}){0,50}(?<![.])"
    # A space within a folder of Windows has its backslash after it.
    r"|(?<!\w)[A-Za-z]:\\(?:(?:Program Files(?: \(x86\))?|[^\s\\\"<>|?*:]{1,255}(?: [^\s\\\"<>|?*:]{1,60}){0,4})\\)"
    r"{0,50}(?:Program Files(?: \(x86\))?|[^\s\"<>|?*]{0,255})(?<![.,;:!])"
    r"|\\\\[\w.$-]{1,100}\\[^\s\"<>|?*]{1,1000}"
    rf"|{_BETWEEN}\*{{1,2}}\.[A-Za-z0-9]{{1,10}}(?!\w)",
    "option": r"(?<![\w-])--[A-Za-z][\w-]{0,60}(?:=[^\s,;]{1,200})?"
    rf"|{_BETWEEN}-(?:[A-Za-z]|[b-df-hj-np-tv-xz]{{2,5}}|l?al?|aux)(?=[\s,.;:!?)]|$)",
    # Of a telephone, an account, a card: groups that spaces stand between
    "groups": r"(?<![\w.+(])(?:\+\d{1,3}[ .-]?(?:\(\d{1,5}\)[ .-]?)?|\(\d{2,5}\)[ .-]?)"
    r"\d{1,5}(?:[ ./-]\d{1,9}){1,6}(?!\w)"
    r"|(?<![\w.])[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,8}(?: [A-Z0-9]{1,4})?(?!\w)"
    r"|(?<![\w.,])\d{4}(?: \d{4}){2,4}(?!\w)|(?<![\w.,])\d{2}(?: \d{2}){3,6}(?!\w)",
    "equation": r"(?<![\w.'’])(?:[A-Za-z]|\d{1,9}[a-z]|\d{1,9}(?=\s?[^\s\w]{1,2}\s?-?[A-Za-z](?![\w'’])))"
    r"(?:\s?(?:[=!]=|[<>]=?|[=≤≥≠≈+*^×·]|&&|\|\|)\s?-?(?:[A-Za-z]|\d{1,9}(?:\.\d{1,9})?[a-z]?)){1,20}(?![\w'’]|[.,]\d)",
    # A call, an operator beside names or alone, a language with a sign in its name
    "code": r"(?<![\w.])[A-Za-z_][\w.]{0,100}+\(\)|(?<![\w.])[A-Za-z_]\w{0,60}(?:\.\w{1,60}){1,8}\([^()\n]{1,80}\)"
    r"|(?<!\w)[a-z]{2,20}\(-?\d{1,9}(?:\.\d{1,9})?%?(?:,[ ]?-?\d{1,9}(?:\.\d{1,9})?%?){1,5}\)"
    r"|(?<!\w)IS[BS]N(?=[:\s]\s?\d)|"
    r"(?<!\w)[a-z]\([a-z](?:, ?[a-z]){0,3}\)(?!\w)"
    r"|(?<!\w)\w{1,60}+(?:(?:->|=>|<-|==|!=|:=|\|\||&&)\w{1,60}){1,9}"
    rf"|{_BETWEEN}(?:[!=<>:+*/%-]=|={{2,3}}|!==|&&|\|\||[=-]>|<[=-]|<>)(?![^\s.,;:!?)])|(?<!\w)[A-Z]#(?!\w)",
    "heading": r"(?m:^[ ]{0,9}(?:#{1,6}|>{1,5}|[-*+•‣▪●–—]|\d{1,4}[.)])(?=[ ]))(?:[ ]{1,4}\[[ xX]\])?",
}

_SPACE = "[ \u00a0\u2009\u202f]"
_MONEY = "$€£¥₹₽₩₿"
_SMALL = "\u00bc-\u00be\u2150-\u215e\u00b2\u00b3\u00b9\u2070-\u2089"  # ½, ⁶ and their like, after a number
_CURRENCIES = (
    "USD|EUR|GBP|JPY|CNY|RMB|CHF|AUD|CAD|NZD|HKD|TWD|SGD|KRW|INR|RUB|BRL|MXN|BTC|SEK|NOK|DKK|PLN|CZK"
    "|TRY|zł|kr"
)
UNITS = (
    r"[A-Za-zµμ]{1,5}/(?:s|h|min|m|km|day|[lL]|kg)[²³]?|mph|[kKMGT]i?(?:bit|byte)s?(?:/s)?"
    r"|[kKMGT]i?[bB]ps|kWh?|[KMGTPk]i?B"
    r"|[kcmnµμ]?m[²³]|[kcmnµμ]m|kg|mg|µg|μg|lbs?|oz|m[lL]|[kMG]?Hz|mAh|dB|rpm|fps|px|pt|em|rem|ms|µs|ns|[kMG]?Wh|[kMG]W"
    r"|[mk]V|mA|[kMh]?Pa|[kMG]eV|kJ|[kM]?Ω|ppm|[ap]\.m|[ap]m|[AP]M"
)

NUMBERS = {
    "day": r"(?<![\w./-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/-]|[.:]\d)",
    "formula": r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30})*+(?:\s?[x×*+=<>≤≥÷^]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+)"
    r"(?:\s?[x×*/+=<>≤≥÷^-]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+){0,20}(?!\w|[.,]\d)",
    "number": rf"(?<![A-Za-z0-9_.])(?:(?:(?<![\w)])[-−]|[+±~≈<>≤≥])?"
    rf"(?:(?:(?:US|CA|AU|NZ|[ACRS]|HK|NT)?[{_MONEY}]|{_CURRENCIES})\s?)?|[§№]\s?)"
    rf"(?<!\d)(?:\d{{1,3}}(?:{_SPACE}\d{{3}}(?!\d)){{1,6}}|\d{{1,60}})"
    rf"(?:(?:[.,:/’–~～-]|\.{{2,3}}|[–-](?=[{_MONEY}])[{_MONEY}])\d{{1,60}}){{0,8}}[{_SMALL}]{{0,4}}"
    rf"(?:\s?(?:%|‰|°\s?[CFK]?(?![A-Za-z])|[{_MONEY}](?!\d)|(?:{UNITS}|{_CURRENCIES})(?!\w)"
    r"|[mgLlWV](?![\w'’])))?(?!\d|st\b|nd\b|rd\b|th\b|['’]?s\b)",
}
