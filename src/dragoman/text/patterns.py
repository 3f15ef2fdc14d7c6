"""How is written what no language has words for: an address, a format string, a number with its unit. Finds nothing.

In each table the first that matches is taken. Lengths are bounded and repetitions possessive: time stays linear in
the length of any text. Signs of solid writing are hidden (solid.py): they are neither letters nor spaces.
"""

from __future__ import annotations

from dragoman.text.solid import BETWEEN, COUNTER, HIDDEN
from dragoman.text.technical import TECHNICAL

_ADDRESS = r"(?:[^()\s]|\([^()\s]{0,200}\)){1,2000}(?:\s\"[^\"\n]{0,200}\")?"
_IN_URL = rf"[^\s<>\"“”‘’（）{{}}|\\^`，。；：！？、{HIDDEN}]"
_NAMES = (  # of functions that programs have and sentences have not, glued to a bracket
    "abs|alert|avg|bar|calc|cos|count|eval|exec|exp|filter|float|fn|foo|func|getattr|init|int|len|list|log|main"
    "|malloc|map"
    "|max|min|open|parse|print|printf|println|random|range|require|round|sin|sizeof|sqrt|str|sum|super|tan|test"
    "|type|typeof|url|var"
)
_PRODUCTS = (
    "Windows|Python|Java|Ruby|Rust|Go|Swift|Kotlin|Perl|Node|Ubuntu|Debian|Fedora|Android|Linux|Firefox|Chrome|Safari|Edge"
    "|Opera|Office|Word|Excel|Photoshop|Unity|Django|Flask|Rails|Laravel|Spring|React|Angular|Vue|Svelte|Docker|Kubernetes"
    "|Postgres|Redis|Kafka|Maven|Gradle|Bluetooth|Wi-Fi|Xbox|Kindle|Galaxy|Pixel|Surface|Boeing|Airbus|Apollo|Unicode"
    "|Pentium|Ryzen|Radeon|Raspberry Pi|Visual Studio|Internet Explorer|Mac OS X"
)
_COUNTED = (  # before a number they are words
    "Chapter|Section|Figure|Table|Version|Part|Step|Level|Page|Rule|Article|Appendix|Example|Equation|Exercise|Problem|Unit"
    "|Lesson|Volume|Act|Room|Item|About|Only|Over|Under|Nearly|January|February|March|April|May|June|July|August|September"
    "|October|November|December"
)
_CLAUSE = r"(?:\((?:\d{1,2}|[a-z]|[ivx]{1,4}|[A-Z])\))"  # of a law: (1), (a), (iii)
_CALL = r"[A-Za-z]{1,4}['′]{0,2}\([\w.+*/^ -]{1,12}\)"  # f'(c)
_GROUP = rf"\((?:{_CALL}|[\w.²³√π])(?: ?[-+*/·×^] ?(?:{_CALL}|[\w.²³√π]{{1,6}})){{1,6}}\)"  # (f(b) - f(a))
_PAIR = r"[(\[]-?[\w.∞]{1,6}, ?-?[\w.∞]{1,6}[)\]]"
_OPERAND = rf"-?(?:{_CALL}|{_GROUP}|\d{{0,6}}(?:\.\d{{1,6}})?[√π]?(?:[A-Za-z](?![A-Za-z]))?[²³]?(?<=[\w²³π]))"
_VERSIONED = r"v?\d{1,5}(?:\.(?:\d{1,5}|[x*])){1,3}(?:-[\w.]{1,30})?"
_RANGE = rf"(?:(?:[<>~=!]=|~>|[\^~<>])[ ]?{_VERSIONED}|[<>~=!]=\d{{1,5}})"
_RANGE_ON = rf"(?:{_RANGE}|[<>\^~]\d{{1,5}})"
_ELEMENT = r"[A-Z][a-z]?[₀-₉\d]{0,2}"
_PHRASE = (  # state-of-the-art
    r"[a-z-]{0,60}?(?:(?<=-)|(?<![\w-]))(?:a|an|and|as|at|be|by|down|for|how|in|is|it|me|my|no|non|not|of|off|on|or|out|over|per"
    r"|so|than|the|to|up|us|vs|with|you|your|one|two|three|four|five|six|seven|eight|nine|ten|year|day|month|week|hour)(?:-|(?![\w-]))"
)
_CHESS = r"(?:[KQRBN][a-h]?[1-8]?x?[a-h][1-8]|[a-h](?:x[a-h])?[1-8])(?:=[QRBN])?[+#]?|O-O(?:-O)?"
_SMALL_ROMAN = r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})"
_KEY = (
    "Ctrl|Control|Alt|Option|Shift|Cmd|Command|Win|Super|Meta|Fn|AltGr|Tab|Esc|Enter|Return|Del|Delete|Backspace"
    "|Space|Home"
    r"|End|PgUp|PgDn|Up|Down|Left|Right|Insert|F\d{1,2}|[A-Z0-9]"
)

PATTERNS = {
    "placeholder": r"⟦\d{1,2}⟧",
    "regex": rf"(?<![^\s{HIDDEN}(（\"'“])(?=\S{{0,200}}(?:\\[dwsDWSbB][+*?{{)\]\\$|]|\[\^?\w-\w|\(\?[:=!<P]))"
    rf"(?=\S{{0,200}}[+*?$^{{|])[\^(\[\\/\w][^\s{HIDDEN}，。；：！？、]{{1,300}}(?<![.,;:!])",
    # */15 9 * * 1-5
    "cron": r"(?<![\w*])(?=(?:[\d/,-]{1,20}[ ]){0,4}\*)(?:(?:\*|\d{1,2})(?:[-/,]\d{1,2}){0,6}[ ]){4}"
    r"(?:\*|\d(?:[-,/]\d){0,6}|[A-Z]{3}(?:-[A-Z]{3})?)(?![\w*])",
    # What a package asks of another: >=1.2 <2, ^1.0 || ~2.1
    "range": rf"(?<![\w.=<>~^]){_RANGE}(?:(?:[ ]?,[ ]?|[ ]\|\|[ ]|[ ]){_RANGE_ON}){{0,4}}(?!\w)",
    "scientific": r"(?<![\w.])[-−+]?\d{1,9}(?:\.\d{1,9})?[eE][-+−]?\d{1,3}(?:[ ](?:[kcmnµμ]?[msgVWAN]|[kMG]?Hz|K|J))?"
    r"(?![\w'’]|\.\d)",
    # Ca(OH)₂, [Fe(CN)₆]⁴⁻
    "molecule": rf"(?<![\w.])\[?(?:{_ELEMENT}){{0,6}}\((?:{_ELEMENT}){{1,5}}\)[₀-₉\d]{{1,2}}"
    rf"(?:{_ELEMENT}|\((?:{_ELEMENT}){{1,5}}\)[₀-₉\d]{{1,2}}){{0,6}}(?:\][₀-₉\d]{{0,2}})?[⁰¹²³⁴-⁹⁺⁻]{{0,3}}(?!\w)",
    "fence": r"(?m:^[ ]{0,9}(?:```|~~~)[\w+#.-]{0,30}[ ]{0,9}$)"
    r"|```[^`]{0,20000}```|``(?:[^`\n]|`(?!`)){1,500}``|`[^`\n]{1,500}`",
    "object": r"\{\s?[\"'](?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]{0,200}\}){0,300}\}){1,2000}+\}",
    "face": r"¯\\_\(.\)_/¯|(?<!\w)[\\md]?[(（](?=[^()（）\n]{0,8}[_^~;.\-])[*]{0,2}"
    r"[\^oOTtxXuU;>=@~_.'°-][_.oO~^ωvwW3 -]{1,3}"
    r"[\^oOTtxXuU;<=@~_.'°-][*;]{0,2}[)）][/mb]?(?!\w)"
    # Of other signs: what has an eye in brackets, with its arms
    rf"|[^\w\s.,;:!?'\"()（），。；：！？、<>\[\]{{}}|#@&$%/+={HIDDEN}-]{{0,10}}"
    r"[(（ʕ](?=[^()（）ʔ\n]{0,14}[‿◕•ᴥ°□﹏▽△ω≧≦∀ಠಥ｡◠¬^❛◉◡˘⊙ᵔ♥´｀σ])[^A-Za-z0-9()（）ʔ\n"
    rf"{HIDDEN}]{{2,16}}[)）ʔ](?:[^\w\s.,;:!?'\"()（），。；：！？、<>\[\]{{}}|#@&$%/+={HIDDEN}-]|[oO](?=[.｡])"
    rf"|[.:｡*](?=[^\w\s])){{0,12}}"
    r"|[ಠಥ][_.‿]{1,3}[ಠಥ]|༼[^༽\n]{1,20}༽[^\w\s]?|(?<!\S)o/(?![^\s.,!?])"
    rf"|(?<![^\s{HIDDEN}])(?:\\o/|-[._]-|8-\)|>[._]<)(?![^\s.,!?{HIDDEN}，。！？])",
    # Of a subtitle: where and how it is shown
    "override": r"\{\\(?:an?\d|pos|move|fade?|[bius]\d|fs\d|fn|[1-4]?[ac]&|k[fo]?\d|r|p\d|t\(|bord|shad|blur|be\d"
    r"|i?clip|org|fr[xyz]?|fsc[xy]|q\d)[^{}\n]{0,200}\}",
    "message": r"\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:plural|select|selectordinal)\s{0,9},",
    "braces": r"(?<!\w)@(?:param|arg|argument|prop|property) \{[^{}\n]{1,60}\} [\w.$\[\]=]{1,60}"
    r"|\$?\{\{\{[^{}\n]{1,200}\}\}\}|\$?\{\{[^{}\n]{1,200}\}\}|\{%[^{}\n]{1,200}%\}"
    r"|[$#%@]?\{[^{}\s]{0,200}\}|[$#%]\{[^{}\n]{0,200}\}"
    r"|\{\s{0,9}\w{1,64}\s{0,9},\s{0,9}(?:number|date|time|spellout|ordinal|duration)\b[^{}\n]{0,200}\}"
    r"|\{ ?[A-Za-z_][\w.]{0,64} ?\}|\[\[[^\[\]\n]{1,100}\]\]|<<[^<>\n]{1,100}>>"
    r"|\$\([A-Za-z]\w{0,60}\)"
    r"|\$t\([^()\n]{1,200}\)|\\\([^()\n]{1,100}\)|\\\[[^\[\]\n]{1,200}\\\]|@(?:\.[a-z]{1,20})?:(?:\w{1,60}(?:\.\w{1,60}){0,8}|\([\w.]{1,100}\))"
    r"|(?<!\w)@[a-z]{2,12} ?\([^()\n]{0,20}\$[^()\n]{0,100}\)|\#include ?[<\"][^<>\"\n]{1,80}[>\"]"
    r"|\(\(\w{1,60}\)\)|%\[[\w.]{1,60}\]|\*\|[^|\n]{1,100}\|\*|\[%[^%\n]{1,200}%\]|\{#[^{}\n]{1,200}#\}"
    # An object of JSON or a set; words that somebody put in braces are read.
    r"|\{(?!\s{0,9}(?:[A-Za-z']{1,30}[ ]){2}[A-Za-z'])(?:[^{}\n]|\{(?:[^{}\n]|\{[^{}\n]{0,200}\}){0,300}\}){1,1000}+\}",
    # What somebody fills in by hand: [NAME], and between the words of a sentence [FULL NAME].
    "blank": r"\[[A-Z][A-Z0-9_-]{1,40}\](?![(\[:])"
    r"|(?:(?<=[a-z] )\[[A-Z][A-Z0-9 _-]{1,40}\]|\[[A-Z][A-Z0-9 _-]{1,40}\](?= [a-z]))(?!\()",
    "percent": r"(?<!\w)#%[di](?!\w)"
    r"|%%[A-Za-z_]\w{0,60}%%|%%|%\([\w. ]{1,100}\)[-+ #0]{0,5}\d{0,5}(?:\.\d{1,5})?[a-zA-Z]"
    r"|(?<!\d)(?<!\d\s)% [di](?!\w)"
    r"|%(?:(?:\d{1,3}|n)\$)?[-+#0]{0,5}(?:\d{1,5}|\*)?(?:\.(?:\d{1,5}|\*))?(?:hh|h|ll|l|z|j|t|q|L)?"
    r"[diouxXeEfFgGcrsapn@](?![A-Za-z])"
    r"|(?<![\w%])%[A-Za-z_]\w{1,60}%|(?<![\w%])%\d(?!\d)",
    "autolink": r"<(?:[^<>\s]{1,64}@[^<>\s]{1,255}|[a-z]{2,9}:[^<>\s]{1,2000})>",
    "break": r"(?i:<br\s{0,9}/?>)|\t|(?<!\S)\|(?!\S)|(?m:^\|(?=[ ]|[^\n]{0,2000}\|$)|\|$)"
    # The end of a paragraph and the beginning of the next
    r"|</(?P<block>p|div|li|td|th|tr|dd|dt|h[1-6])>\s{0,9}<(?P=block)(?:\s[^<>\n]{0,300})?>",
    # A word that goes on in the next line
    "hyphen": r"(?<=[a-z][a-z])-\r?\n[ ]{0,9}(?=[a-z]{2})",
    "comment": r"<!--[^\n]{0,20000}?-->|<%[^\n]{0,500}?%>|<\?[^\n]{0,500}?\?>"
    # What ends a comment of a program, whose words are read; what begins it is its label
    r"|(?<!\S)\*{1,2}/(?!\S)",
    "key": rf"(?<![\w-])(?:<?(?:Ctrl|Control|Alt|Option|Shift|Cmd|Command|Win|Super|Meta|Fn"
    rf"|AltGr)>?(?:[ ]?[+][ ]?|-)){{1,4}}"
    rf"(?:{_KEY}|[^\w\s]{{1,2}})(?!\w)|[⌘⌥⇧⌃↵⌫⎋]{{1,4}}(?:[A-Z0-9](?!\w))?|(?<![\w^])\^[A-Z](?!\w)"
    rf"|\[(?!\w\])(?:{_KEY})\](?![(\[])"
    rf"|(?<![\w-])(?:Ctrl|Esc|AltGr|PgUp|PgDn|Cmd|Fn)(?![\w-])",
    "typed": r"<kbd>[^<>\n]{1,60}</kbd>(?:[ ]?\+?[ ]?<kbd>[^<>\n]{1,60}</kbd>){0,5}"
    r"|<code>[^<>\n]{1,300}</code>|<samp>[^<>\n]{1,300}</samp>|<var>[^<>\n]{1,300}</var>|<tt>[^<>\n]{1,300}</tt>",
    "tag": r"<(?:@[!&]?\d{3,25}|#[A-Z0-9]{3,25}(?:\|[^<>\n]{0,60})?|a?:\w{1,40}:\d{3,25}|![a-z]{3,20})>"
    r"|</?(?:[A-Za-z][^<>\n]{0,500}|\d{1,4}\s?/?)>"
    r"|\[/?(?:b|i|u|s|url|img|color|size|quote|code|list)(?:=[^\]\n]{0,200})?\]",
    "image": r"!\[[^\[\]\n]{0,300}\]\([^()\s]{1,2000}(?:\s\"[^\"\n]{0,200}\")?\)",
    "link": rf"(?<!\\)\[(?=[^\[\]\n]{{1,500}}\](?:\({_ADDRESS}\)|\[[\w .-]{{0,60}}\]))",
    "target": rf"\]\({_ADDRESS}\)|(?<=[^\s\[])\]\[[\w .-]{{0,60}}\]",
    "footnote": r"\[(?:\d{1,3}(?:[,–-] ?\d{1,3}){0,9}|\^\w{1,20}|[ xXa-z]|sic|p\. ?\d{1,5}|\.{3}|…)\](?![(\[])"
    r"|(?<=[.!?。！？])[\u00b9\u00b2\u00b3\u2070-\u2079]{1,3}"
    # (Smith, 2020; Lee et al., 1999)
    r"|\((?:(?:see |cf\. |e\.g\. )?[A-Z][\w'’-]{1,30}(?: et al\.|,? (?:&"
    r"|and) [A-Z][\w'’-]{1,30})?,? \d{4}[a-z]?(?:, pp?\. ?[\d–-]{1,9})?"
    r"(?:; )?){1,6}\)",
    "quote": r"(?<!['\w])'{2,3}(?=[^\s'])|(?<!`)``(?=\w)",
    "unquote": r"(?<=[^\s'])'{2,3}(?!['\w])",
    "style": r"(?<![\w-])(?:color|background|margin|padding|border|width|height|display|position|float|font"
    r"|font-size|font-weight"
    r"|top|left|right|bottom|opacity|overflow|flex|gap|z-index): ?[\w#%.() -]{1,40};(?!\w)",
    # When a line of a chat or of a log was written, where a link of Markdown goes
    "stamp": r"(?m:^[\[(]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?(?: ?[AP]M)?[\])](?=\s)|^\[[\d :T.,/-]{8,30}\](?=\s)"
    r"|^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?Z?"
    r"(?: \[?(?:ERROR|WARN|WARNING|INFO|DEBUG|TRACE|FATAL|CRITICAL)\]?)?(?: [\w.$/-]{1,80}:\d{1,6}:?)?(?=\s\S)"
    r"|^\[[^\]\n]{1,60}\]: \S{1,500}(?: [\"'(][^\n]{1,200}[\"')])?$|^:{3,6} ?[\w-]{0,30}$)",
    # The label of an item, as (a), ii), 1) and IV., of a question, of a commit, of a directive of reStructuredText
    "label": r"(?<!\S)\((?:[a-z]|[ivx]{2,5}|\d{1,2})\)(?=[ ]\S)"
    r"|(?m:(?:^|(?<=[.:;,] ))(?:[a-zA-Z]|[ivx]{2,5})\)(?=[ ]\S)|(?<!\S)\d{1,2}\)(?=[ ]\S)"
    r"|^(?:[IVX]{2,5}|[VX])\.(?=[ ]\S)"
    r"|(?<!\S)(?:/{2,3}!?|/\*{1,2})(?=[ ]\S)|^[QA]:(?=[ ]\S)"
    r"|^(?:Signed-off|Co-authored|Reviewed|Acked|Tested|Reported|Suggested)-by:(?=[ ])"
    r"|^(?:feat|fix|docs|style|refactor|perf|test|build|ci|chore|revert)(?:\([\w./, -]{1,40}\))?!?:(?=[ ]\S)"
    r"|^(?:[a-z]|[ivx]{2,5})\.(?=[ ][a-z]{2})|^(?:In|Out) ?\[\d{1,5}\]:(?=[ ]\S)"
    r"|^[ ]{0,12}\.\.[ ][a-z][\w-]{0,40}::"
    # A field of a docstring, or of the head of a document
    r"|^[ ]{0,12}:(?:(?:param|parameter|arg|argument|key|keyword|type|raises?|except|exception|c?var|ivar|vartype"
    r"|returns?|rtype|yields?)(?:[ ][\w.*]{1,60}){0,3}|[A-Z][A-Za-z-]{1,30}):(?=[ ]\S))",
    "url": r"(?<![\w@.-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5}[a-z]{2,10}(?::\d{2,5})?/"
    rf"{_IN_URL}{{1,2000}}|"
    r"(?<!\w)(?:[a-zA-Z][a-zA-Z0-9+.-]{1,20}://|www\.|mailto:|tel:(?=[+\d]))"
    r"(?:\[[0-9A-Fa-f:.]{2,45}\])?"
    rf"{_IN_URL}{{1,2000}}"
    rf"|(?<![\w.-])localhost(?::\d{{1,5}})?(?:/[^\s<>\"{HIDDEN}]{{0,500}})?"
    rf"|(?<![\w.-])[a-z][a-z0-9-]{{0,60}}+:\d{{4,5}}(?![\w:])"
    r"|(?<![\w:.]):\d{2,5}(?![\w:])"
    r"|(?<!\w)(?:data:[a-z]{4,11}/[\w.+-]{1,60}[;,]|magnet:\?|urn:(?=[a-z0-9-]{2,30}:)|javascript:(?=\w+[(.])"
    rf"|sms:(?=\+?\d)|geo:(?=-?\d)|(?:blob|bitcoin|chrome|sips?|spotify|view-source|xmpp):(?=\w)"
    rf"|about:(?=blank|config|preferences|newtab|support|addons|debugging|memory|version|flags)){_IN_URL}{{1,2000}}",
    "technical": TECHNICAL,
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"
    r"(?::[\w.~-]{1,60}(?:/[\w.~-]{1,60}){1,9}(?<!\.))?",
    "mention": r"(?:(?<!\S)\.)?(?<![\w@/])(?<!\w\.)@[A-Za-z0-9_][\w-]{0,63}"
    r"(?:\.[\w-]{1,63}){0,5}(?:@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})?",
    # IPv6, as the text form of RFC 4291 shortens it
    "ipv6": r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?::"
    r"(?:(?:[0-9A-Fa-f]{1,4}:){0,5}\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?"
    r"(?:%\w{1,16})?(?:/\d{1,3})?(?<!:::)(?![\w:])",
    "emoji": r"(?<![\w:]):(?:(?=[\w+-]{0,63}[A-Za-z_])[\w+-]{1,64}|[+-]1):(?![\w:])|[0-9#*]\ufe0f?\u20e3"
    r"|(?:(?<![^\s.!?…([\ue010\ue011，。！？、：；（])(?:>?[:;=]['’]?[-^o]?[)(\[\]DPpOo3|/\\*@$]+|[xX]D+|</?3+"
    r"|\^[_.-]?\^;?|[oO]_[oO]|[Tt]_[Tt]|-_-)"
    r"|(?<=[^\W\d_])[:;](?:-[)(DPp]|\)))(?![\w/])"
    r"|\((?:c|C|r|R|tm|TM)\)",
    "colon": r"(?<![\w:]):{1,2}[A-Za-z_]\w{0,63}(?:\.\w{1,63}){0,5}(?![\w:])",
    "initials": r"(?<![\w&;])[A-Z]{1,4}&amp;[A-Z]{1,4}(?!\w)",  # AT&amp;T, which is code without it
    "entity": r"&(?:amp;(?=#?\w{2,31};))?"
    r"(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31}(?:\.[A-Za-z]\w{0,30}){0,4});",
    # LaTeX: the words of \textbf{these words} are read, the argument of \cite{that} is not.
    "command": r"\\(?:text[a-z]{2,6}|emph|underline|(?:sub){0,2}section\*?|chapter|title|caption|footnote)\{",
    "latex": r"\$\$[^$\n]{1,500}\$\$"
    r"|(?<![\w$\\])\$(?=[^$\n]{0,200}[\\^_{}=+])[^\s$](?:[^$\n]{0,200}[^\s$\\])?\$(?![\w$])"
    r"|(?<![\w$\\])\$[A-Za-z]\$(?![\w$])"
    r"|(?<!\w)\\(?![nrtN](?![a-z]))[A-Za-z]{2,30}\*?(?:\[[^\[\]\n]{0,100}\])?(?:\{[^{}\n]{0,200}\}){0,4}(?![\\\w])"
    r"|(?<!\w)\\\d(?!\d)",
    "escaped": r"(?<!\w)[\u00b9\u00b2\u00b3](?!\w)|\\[\"'&%$_#*`]",
    "escape": r"(?:\\[nrtN](?![a-z]))+|(?<=[.,!?…])\\N|(?:\\u[0-9A-Fa-f]{4})+",
    "area": r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30}){0,4}\s?[kcmnµμ]?m[²³](?!\w)",
    "issue": r"(?<![\w&#])#\d{1,12}(?!\w)|(?<!\S)![1-9]\d{0,6}(?!\w)",
    "hashtag": r"(?<![\w&#])#\w[\w-]{0,99}",
    "variable": r"(?<![\w$])\$[A-Za-z_]\w{0,63}(?![\w$])|(?<!\w)__\w{1,64}__(?!\w)",
    "path": r"(?<![\w/.~<])(?:~|\.{1,2})?/[\w@+~-][\w@+~.-]{0,254}(?:/[\w@+~.*-]{0,255}){0,50}(?<![.])"
    # A space within a folder of Windows has its backslash after it.
    r"|(?<!\w)[A-Za-z]:\\(?:(?:Program Files(?: \(x86\))?|[^\s\\\"<>|?*:]{1,255}(?: [^\s\\\"<>|?*:]{1,60}){0,4})\\)"
    rf"{{0,50}}(?:Program Files(?: \(x86\))?|[^\s\"<>|?{HIDDEN}，。；：！？、（）]{{0,255}})(?<![.,;:!])"
    rf"|\\\\[\w.$-]{{1,100}}\\[^\s\"<>|?*{HIDDEN}]{{1,1000}}"
    rf"|{BETWEEN}\*{{1,2}}\.[A-Za-z0-9]{{1,10}}(?!\w)",
    # fast-csv-tools: the name of a package, named as one or of three words that form no phrase
    "package": rf"(?<![\w./-])(?!{_PHRASE})[a-z][a-z0-9]{{0,20}}(?:-[a-z0-9]{{1,20}}){{2,6}}"
    r"(?<!-old)(?<!-long)(?<!-like)(?<!-free)(?![\w/-])"
    r"|(?:(?<=package )|(?<=branch )|(?<=plugin )|(?<=module )|(?<=library )"
    r"|(?<=called )|(?<=named )|(?<=install )|(?<=crate ))"
    r"[a-z][a-z0-9]{1,20}(?:-[a-z0-9]{1,20}){1,6}(?![\w/-])",
    "option": rf"(?<![\w-])--[A-Za-z][\w-]{{0,60}}(?:=[^\s,;{HIDDEN}]{{1,200}})?"
    rf"|{BETWEEN}-(?:[A-Za-z]|[b-df-hj-np-tv-xz]{{2,5}}|l?al?|aux)(?=[\s,.;:!?){HIDDEN}，。；：！？、）]|$)",
    # What a keyboard, a game and a score are written with
    "game": rf"(?<![\w.])\d{{1,3}}\.(?:\.\.)?[ ]?(?:{_CHESS})(?:[ ](?:{_CHESS}))?(?![\w-])"
    rf"|(?<![\w-])(?:O-O(?:-O)?|[A-Z]–[A-Z]|[A-G][♯♭](?:m|maj|min|dim|aug|sus)?\d?"
    rf"|[♩♪♫𝅘𝅥]\.?[ ]?=[ ]?\d{{1,3}})(?![\w-])",
    "place": r"(?<![\w.])(?:[NSEW] )?[-−]?\d{1,3}(?:\.\d{1,8})?°(?: ?\d{1,2}(?:\.\d{1,4})?['’′])?(?:"
    r" ?\d{1,2}(?:\.\d{1,4})?[\"”″])?"
    r" ?[NSEW](?!\w)(?:,? [-−]?\d{1,3}(?:\.\d{1,8})?°(?: ?\d{1,2}(?:\.\d{1,4})?['’′])?(?:"
    r" ?\d{1,2}(?:\.\d{1,4})?[\"”″])? ?[NSEW](?!\w))?"
    r"|(?<![\w.])[-−]?\d{1,3}\.\d{3,8}, ?[-−]?\d{1,3}\.\d{3,8}(?![\w.]\d)|(?<![\w.])\d{1,2}['′]\d{1,2}[\"″]",
    "hunk": r"(?m:^(?:\d{1,2}:)?\d\d:\d\d[.,]\d{3} --> (?:\d{1,2}:)?\d\d:\d\d[.,]\d{3}"
    r"(?: (?:align|position|line|size|vertical|region):[\w%.,-]{1,20}){1,6}$)"
    r"|@@ -\d{1,9}(?:,\d{1,9})? \+\d{1,9}(?:,\d{1,9})? @@|diff --git \S{1,300} \S{1,300}"
    r"|(?m:^(?:\+\+\+|---) \S{1,300}|^\s{0,9}at [\w.$<>/]{1,200}\([^()\n]{0,100}\)"
    r"|^\s{0,9}File \"[^\"\n]{1,300}\", line \d{1,9}(?:, in \S{1,100})?)",
    # A number with what stands for it: No. 12, pp. 3–5, Op. 9, Art. 6(1)(a), 17 U.S.C. § 107
    "numbered": rf"(?<!\w)(?:Arts?|Secs?|Reg|Cl|Rule|r|s|ss)\.? ?\d{{1,5}}[a-z]?{_CLAUSE}{{1,5}}|(?<!\w)(?:§{{1,2}} ?)?"
    rf"\d{{1,5}}[a-z]?{_CLAUSE}{{1,5}}(?!\w)"
    r"|(?<![\w.])\d{1,4} (?:U\.?S\.?C?\.?|F\.(?: ?(?:2d|3d|4th|Supp\.(?: ?[23]d)?))?"
    r"|S\. ?Ct\.|L\. ?Ed\.(?: ?2d)?|C\.?F\.?R\.?)"
    rf"(?: ?§{{1,2}})? ?\d{{1,5}}[a-z]{{0,2}}(?:\.\d{{1,4}})?{_CLAUSE}{{0,5}}(?!\w)|"
    # Roe v. Wade, 410 U.S. 113; a numeral in small letters: Scene iii; of a bank and of a post office
    r"(?<![\w.])[A-Z][\w'’-]{1,30} v\. [A-Z][\w'’-]{1,30}(?: [A-Z][\w'’-]{1,30}){0,2}(?=, \d)"
    r"|(?:(?<=Scene )|(?<=scene )|(?<=[Pp]age )|(?<=[Pp]ages )|(?<=[Pp]p\. )|(?<=[Cc]hapter )|(?<=[Pp]art ))"
    rf"{_SMALL_ROMAN}(?:[–-]{_SMALL_ROMAN})?(?![\w'’])"
    r"|(?<!\w)(?:DOI|doi): ?10\.\d{4,9}/[^\s,;]{1,100}(?<!\.)|(?<!\w)ISO \d{2,6}(?!\w|[.,:-]\d)"
    r"|(?<!\w)(?:BIC|SWIFT(?: code)?):? ?[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?!\w)|(?<!\w)IBAN(?=:? [A-Z]{2}\d{2})"
    r"|(?<![\w.])P\.? ?O\.? Box \d{1,6}(?!\w)|"
    r"(?<!\w)(?:HTTP \d{3}|SIG(?:KILL|TERM|INT|HUP|SEGV|ABRT|PIPE|CHLD|USR[12]))(?!\w)"
    r"|(?<!\w)(?:Nos?|Nr|pp?|Op|[Ee]xt|Rs|vols?|Art|Ref|Cat|Inv|Tel|Fax|Ph"
    r"|P\.O)\.:? ?#?\d[\w/–-]{0,30}(?<![–/-])"
    r"|(?<!\w)(?:Ref|Tel|Fax|Inv|Cat): ?#?\d[\w/–-]{0,30}(?<![–/-])|(?<![\w.])\d{1,3} ?h ?\d{1,2} ?m(?:in)?(?!\w)"
    r"|(?<![\w.])(?!(?:HAVE|HAS|HAD|WITH|OVER|ABOUT|ONLY|THE|FOR|AND|OF|TO|IN|IS|ARE|WAS|PAY|PAID|WON|GOT|FROM"
    r"|BY|AT|ON|NEED"
    r"|COST|COSTS|THAN)\b)[A-Z]{2,5}:? #?\d{5,20}(?![\w.,]\d)"
    r"|(?<!\w)(?:ISBN|ISSN|PMID|PMCID|EAN|UPC|VIN)(?:-1[03])?:? ?(?:\d[\dX-]{3,17}"
    r"|\d{1,5}(?: \d{1,7}){2,4}(?: X)?)(?!\w)",
    # A name with its version: those of a list before any number, others before one with a full stop in it
    "product": rf"(?<![\w.-])(?:{_PRODUCTS})(?: (?:Server|Pro|Plus|Note|NT|LTS|SP))? \d{{1,4}}(?:\.\d{{1,5}}){{0,3}}"
    r"(?![\w%°]|[.,:]\d| (?:million|billion|percent))"
    rf"|(?<=[a-z,(] )(?!(?:{_COUNTED}|\w{{2,6}}day) )[A-Z][a-z]{{2,20}} \d{{1,3}}\.\d{{1,3}}(?:\.\d{{1,4}}){{0,2}}"
    r"(?![\w%°-]|[.,:]\d| [A-Za-z]{1,2}(?!\w)| °| (?:million|billion|percent))"
    r"|(?<!\w)(?:[WH]i-Fi|Sci-Fi)(?!\w)|(?<![\w-])[A-Z][a-z]{0,12}-[A-Z](?![\w-])",
    # Of a telephone, an account, a card: groups that spaces stand between
    "groups": r"(?<![\w.+(])(?:\+\d{1,3}[ .-]?(?:\(\d{1,5}\)[ .-]?)?|\(\d{2,5}\)[ .-]?)"
    r"\d{1,5}(?:[ ./-]\d{1,9}){1,6}(?!\w)"
    r"|(?<![\w.])[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,8}(?: [A-Z0-9]{1,4})?(?!\w)"
    r"|(?<![\w.,])(?<!\d )0\d{2,4}(?: \d{3,4}){1,3}(?![\w]|[.,]\d)|(?<![\w.,])97[89](?: \d{1,7}){3,4}(?!\w)"
    r"|(?<![\w.,])\d{4}(?: \d{4}){2,4}(?!\w)|(?<![\w.,])\d{2}(?: \d{2}){3,6}(?!\w)",
    "equation": rf"(?<![\w.'’(])(?:{_CALL}|{_GROUP})(?: ?[=≈≤≥<>+*/·×^-] ?{_OPERAND}){{1,12}}(?!\w)"
    rf"|(?<![\w.'’])[A-Za-z] ?(?:=|≈|∈|∉) ?(?:{_CALL}|{_GROUP}|{_PAIR}|\d{{0,6}}[√π][A-Za-z]?[²³]?|[A-Za-z][²³])"
    rf"(?: ?[=≈≤≥<>+*/·×^-] ?{_OPERAND}){{0,12}}(?!\w)"
    r"|(?<!\w)[A-Za-z]_?\d?(?:_\w)?(?:, [A-Za-z]_?\w?){0,3}, ?(?:\.{3}|…),? ?[A-Za-z]_?\w?(?![\w'’])"
    r"|(?<![\w.'’])(?:[A-Za-z]|\d{1,9}[a-z]|\d{1,9}(?=\s?[^\s\w]{1,2}\s?-?[A-Za-z](?![\w'’])))"
    r"(?:\s?(?:[=!+*/-]=|[<>]=?(?!\d{1,4}\s?/?>|[a-z]{1,20}:\w)|=>|\?\?|[=≤≥≠≈+*^×·∈∉⊂⊆∪∩→⇒⇔∧∨≡≅∝↦]|&&|\|\|)\s?-?(?:[A-Za-z]"
    r"|\d{1,9}(?:\.\d{1,9})?[a-z]?|\.\d{1,9})){1,20}(?![\w'’]|[.,]\d)(?: \(mod \w{1,6}\))?",
    # A call, an operator beside names or alone, a language with a sign in its name
    "code": r"(?<![\w-])(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)(?=[ ](?:/[\w{]|https?://))"
    r"|(?<![\w|])\|\w{1,3}(?: ?[+*/−-] ?\w{1,3})?\|(?![\w|])"
    r"|(?<!\w)(?=\w{1,40}::|\w{1,40}<\w{1,40}::)(?:\w{1,30}::){0,4}\w{1,40}<[\w:*&, ]{1,80}>(?:::\w{1,40}){0,4}"
    r"(?:\([\w:&*, ]{0,60}\))?"
    r"|(?<![\w.])[A-Za-z_][\w.]{0,100}+\(\)|(?<![\w.])[A-Za-z_]\w{0,60}(?:\.\w{1,60}){1,8}\([^()\n]{1,80}\)"
    r"|(?<!\w)[a-z]{2,20}\(-?\d{0,9}(?:\.\d{1,9})?%?(?:,[ ]?-?\d{0,9}(?:\.\d{1,9})?%?){1,5}\)"
    r"|(?<!\w)IS[BS]N(?=[:\s]\s?\d)|"
    r"(?<![\w'’])[a-zA-Z][′']{0,2}\((?:[a-z0-9]|[a-z] ?[,|+*/^-] ?[a-z0-9]{1,3}|[a-z][²³ⁿ]"
    r"|[a-z0-9]{0,2} ?log [a-z]|[A-Z](?:[|,∪∩ ]{1,3}[A-Z])?){1,3}\)(?!\w)"
    rf"|(?<![\w.])(?:(?:{_NAMES})|\w{{0,30}}[_A-Z]\w{{0,30}})\([^()\n{HIDDEN}]{{0,100}}\)(?!\w)"
    r"|(?<![\w.])[A-Za-z_$][\w.]{0,40}\((?:\"[^\"\n]{0,100}\"|'[^'\n]{0,100}')(?:, ?[^()\n]{0,100})?\)"
    r"|(?<!\w)(?:if|while|for|switch) \([^()\n]{0,60}[<>=;!$][^()\n]{0,60}\)"
    r"|\(\w{0,30}(?:, ?\w{1,30}){0,4}\) ?=> ?(?:\{[^{}\n]{0,200}\}|[\w.()]{1,60})|[A-Za-z] \? \w{1,20} : \w{1,20}"
    r"|[∫∑∏∂∇√∀∃][A-Za-z](?:\([a-z]\))?(?:d[a-z])?(?: ?[∀∃∈][A-Za-z])?(?!\w)"
    rf"|(?<![\w\])])(?:\[[-−]?(?:[a-z]|\d{{1,6}}(?:\.\d{{1,6}})?|∞), ?[-−+]?(?:[a-z]|\d{{1,6}}(?:\.\d{{1,6}})?|∞)[\])]"
    r"|\([-−]?(?:[a-z]|\d{1,6}(?:\.\d{1,6})?|∞), ?[-−+]?(?:[a-z]|\d{1,6}(?:\.\d{1,6})?|∞)\])(?![\w(\[])"
    # ∑_{i=1}^{n}; [i**2 for i in range(10)]; fn main(); import numpy as np
    r"|[∑∏∫⋃⋂](?:[_^](?:\{[^{}\n]{1,40}\}|\w)){1,2}"
    r"|(?:(?<!\w)[a-z_]\w{0,40} = )?\[[^\[\]\n]{1,80} for \w{1,40}(?:, \w{1,40}){0,3} in [^\[\]\n]{1,80}\]"
    r"|(?<!\w)(?:fn|func|fun|def|function|sub|proc) \w{1,60}\([^()\n]{0,100}\)(?: ?(?:->|:) ?\w{1,40})?"
    r"|(?m:^(?:import [\w.]{1,80} as \w{1,40}|from [\w.]{1,80} import [\w., *]{1,100})$)"
    r"|(?<!\w)[A-Za-z0-9]\^\{[^{}\n]{1,40}\}|∫[_^₀-₉⁰¹²³⁴-⁹∞\w]{1,20}"
    # Get-ChildItem -Recurse
    r"|(?<![\w-])(?:Get|Set|New|Remove|Add|Start|Stop|Invoke|Import|Export|Write|Test|Install|Enable|Disable|Copy|Move"
    r"|Out|Select|Sort)-[A-Z][a-z]{2,20}(?:[A-Z][A-Za-z]{0,30})?(?: -[A-Z][a-z]\w{0,30}){0,8}(?![\w-])"
    r"|\[CQ:[a-z]{2,12}(?:,[^\]\n]{1,200})?\]"
    r"|(?<![\w.])(?!a\.k\.a\.)(?:[a-z]\.){3,5}(?!\w)"
    r"|(?<![\w<])\w{1,40}(?:\[(?:0|-\d|[a-z]|'[^'\n]{1,40}'|\"[^\"\n]{1,40}\")\]){1,4}|(?<!\w)[a-z]\[\d{1,3}\]"
    r"|(?<!\w)(?:std::)?[A-Za-z]\w{1,40}<(?:(?:int|string|str|bool|float|double|char|void|[iuf]\d{1,3}|usize|T|K|V)"
    r"|[A-Z]\w{0,30}(?:, ?[A-Z]\w{0,30}){1,3})>(?![^\n]{0,300}</)"
    r"|(?<!\w)[A-Z]\w{1,40}<[A-Z]\w{0,30}>(?![^\n]{0,300}</)"
    r"|(?<![\w&])&(?:mut |'[a-z] )?[a-z_]\w{1,40}(?![\w;])"
    r"|(?<!\w)[A-Z]{2,20}[~^]\d{0,3}(?!\w)|(?<![\w_])_[a-z]\w{2,40}(?<!_)(?![^_\n]{0,200}_(?!\w))"
    r"|(?<![\w.])[\w:@.-]{1,40}=(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}')"
    r"|(?<!\w)(?<!\d )(?:[km]?m/[sh]|km²|l/h|kbps|A/[A-Z]|[A-Za-z]/[A-Za-z]|[a-z]{1,4}/[a-z]{1,4}s?²)(?![\w/])"
    r"|(?<!\w)(?:application|text|image|audio|video|font|multipart)/(?:json|x?html|xml|plain|png|jpe?g|css|webp"
    r"|gif|mpeg|mp4|wav|javascript|form-data|octet-stream|csv|pdf|zip|x-[\w-]{1,40}"
    r"|[\w.-]{1,40}\+[a-z]{2,6})(?![\w/])"
    r"|(?<![\w/])(?:origin|upstream|feature|feat|bugfix|hotfix|release|refs|src|lib|bin|docs|tests?|node_modules"
    r"|[ur]|tcp|udp|repo|user|users|home|usr|etc|var|tmp)/[\w][\w./*-]{0,100}(?<![.-])"
    r"|(?<!\w)\w{1,60}+(?:(?:->|=>|<-|==|!=|:=|\|\||&&)\w{1,60}){1,9}(?:\([\w, ]{0,40}\))?"
    rf"|{BETWEEN}(?:[!=<>:+*/%-]=|={{2,3}}|!==|&&=?|\|\|=?|[=-]>|<[=-]|<>|\?\?=?|<<=?)(?![^\s.,;:!?){HIDDEN}，。；：！？、）])"
    rf"|(?<!\w)[A-Z]#(?!\w)",
    "heading": r"(?m:^[ ]{0,9}(?:#{1,6}|>(?:[ ]?>){0,5}|[-*+•‣▪●–—]|\d{1,4}[.)])(?=[ ]))(?:[ ]{1,4}\[[ xX]\])?",
}

_SPACE = "[ \u00a0\u2009\u202f]"
_MONEY = "$€£¥₹₽₩₿"
_SMALL = "\u00bc-\u00be\u2150-\u215e\u00b2\u00b3\u00b9\u2070-\u2089"  # ½, ⁶ and their like, after a number
_CURRENCIES = (
    "USD|EUR|GBP|JPY|CNY|RMB|CHF|AUD|CAD|NZD|HKD|TWD|SGD|KRW|INR|RUB|BRL|MXN|BTC|SEK|NOK|DKK|PLN|CZK"
    "|TRY|zł|kr"
)
UNITS = (
    r"[A-Za-zµμ]{1,5}/(?:s|h|hr|min|m|km|cm|mm|day|[dmµμ]?[lL]|k?g|mol|ha)[²³]?|mph|[kKMGT]i?(?:bit|byte)s?(?:/s)?"
    r"|[kKMGT]i?[bB]ps|kWh?|[KMGTPk]i?B"
    r"|mg/dL|mmHg|pcs|Nm|dpi|ppi|MP|bpm|kcal|hp|ft|[kcmnµμ]?m[²³]|[kcmnµμ]m|kg|mg|µg|μg|lbs?|oz|m[lL]|[kMG]?Hz"
    r"|mAh|dB|rpm|fps|px|pt|em|rem|ms|µs|ns|[kMG]?Wh|[kMG]W"
    r"|[mk]V|mA|[kMh]?Pa|[kMG]eV|kJ|[kM]?Ω|ppm|(?:[ap]\.m(?:\.(?=,? [a-z]|\s*\Z|[–—-]))?|[ap]m"
    r"|[AP]M)(?: (?:[ECMP][SD]T|GMT|UTC|CES?T|BST|JST))?"
)

NUMBERS = {
    "fraction": rf"(?<![\w.)])[-−+±~≈<>≤≥]?\.\d{{1,9}}(?:\s?(?:%|(?:{UNITS})(?!\w)))?(?![\w]|\.\d)",
    "day": r"(?<![\w./-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w/-]|[.:]\d)",
    "formula": r"(?<![\w.])[-+]?\d{1,30}(?:[.,]\d{1,30})*+(?:\s?[x×*+=<>≤≥÷^]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+)"
    r"(?:\s?[x×*/+=<>≤≥÷^-]\s?[-+]?\d{1,30}(?:[.,]\d{1,30})*+){0,20}(?: ?[ckm]?m(?![\w'’]))?(?!\w|[.,]\d)",
    "number": rf"(?<![A-Za-z0-9_.])(?:(?:(?<![\w){COUNTER}])[-−]|[+±~≈<>≤≥])?"
    rf"(?:(?:(?:US|CA|AU|NZ|[ACRS]|HK|NT)?[{_MONEY}]|{_CURRENCIES})\s?)?|[§№]\s?)"
    rf"(?<!\d)(?:\d{{1,3}} (?=\d{{1,2}}/\d{{1,2}}(?![\d/])))?(?:\d{{1,3}}(?:{_SPACE}\d{{3}}(?!\d)){{1,6}}|\d{{1,60}})"
    rf"(?:(?:[.,:/’–~～-]|\.{{2,3}}|[–-](?=[{_MONEY}])[{_MONEY}])\d{{1,60}}){{0,8}}(?:\.[–-])?[{_SMALL}]{{0,4}}"
    rf"(?:(?:\s?|-(?=[a-z]{{2}}))(?:%|‰|°\s?[CFK]?(?![A-Za-z])|[{_MONEY}](?!\d)|(?:{UNITS}|{_CURRENCIES})(?!\w)"
    r"|[mgLlWV](?![\w'’])|(?<=\s)[shAJKN](?![\w'’])))?(?!\d|st\b|nd\b|rd\b|th\b|['’]?s\b)",
}
