"""Writing that is set solid, as Chinese and Japanese are: its signs hidden, where they stand beside codes.

In them no space tells where an address ends and a sentence goes on, and Unicode calls all of them letters of words. So
what looks for codes reads a text in which they are neither letters nor spaces. Finds nothing itself.
"""

from __future__ import annotations

import re

SIGN, COUNTER = "\ue010", "\ue011"  # private, as long as what they stand for
HIDDEN = SIGN + COUNTER  # for a class of a regular expression
# Nothing but white space before it, or what needs none.
BETWEEN = rf"(?<![^\s{HIDDEN}，。、：；！？（「“《【])"
SIGNS = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SIGN = re.compile(f"[{SIGNS}]")
# After these a dash is none of a negative number: 3月-5月.
_COUNTERS = re.compile("[年月日号时点分秒章节页层岁度期第级]")
_STOP = "，。；：！？、（）"
_FOLDER = rf"[^\s\\/:*?\"<>|{_STOP}]{{1,60}}"
_FILE = rf"[^\s\\/:*?\"<>|{_STOP}]{{1,60}}?\.[A-Za-z][A-Za-z0-9]{{1,4}}(?![A-Za-z0-9])"
_MORE = rf"(?:[{SIGNS}]{{1,20}}(?=[/?=&#_.%-][A-Za-z0-9/?=&#%{SIGNS}])[!#-;=?-~]{{1,200}})"
_LAST = rf"(?:(?<==)[{SIGNS}]{{1,20}}(?![{SIGNS}])|(?<=/)[{SIGNS}]{{1,20}}(?=[ \t]))"
_EYES = "‿◕•ᴥ°□﹏▽△ω≧≦∀ಠಥ｡◠¬^❛◉◡˘⊙ᵔ♥´｀￣＾︿∇╥"
_NAMED_FACES = (
    "微笑|撇嘴|色|发呆|得意|流泪|害羞|闭嘴|睡|大哭|尴尬|发怒|调皮|呲牙|惊讶|难过|囧|抓狂|吐|偷笑|愉快|白眼|傲慢|困|惊恐|憨笑|悠闲"
    "|咒骂|疑问|嘘|晕|衰|骷髅|敲打|再见|擦汗|抠鼻|鼓掌|坏笑|鄙视|委屈|快哭了|阴险|亲亲|可怜|笑脸|生病|脸红|破涕为笑|恐惧|失望|无语"
    "|嘿哈|捂脸|奸笑|机智|皱眉|耶|吃瓜|加油|汗|天啊|社会社会|旺柴|好的|打脸|哇|翻白眼|让我看看|叹气|苦涩|裂开|嘴唇|爱心|心碎|拥抱"
    "|强|弱|握手|胜利|抱拳|勾引|拳头|合十|啤酒|咖啡|蛋糕|玫瑰|凋谢|菜刀|炸弹|便便|月亮|太阳|庆祝|礼物|红包|发|福|烟花|爆竹|猪头"
    "|跳跳|发抖|转圈|泪|笑cry|允悲|心|赞|哈哈|嘻嘻|作揖|蜡烛|鲜花|爱你|挖鼻|吃惊|亲|怒|偷乐|给力|威武|思考|拜拜|怒骂|钱|酷|馋嘴"
    "|抱抱|来|good|doge|OK|ok|Emm|666"
)
# What holds such signs and is no word: found in the text as it stands.
TAG = re.compile(
    # A topic between two signs, a topic or a name up to the next space, as Chinese services write them
    rf"#(?=[^#\n]{{0,40}}[{SIGNS}])[^\s#@，。！？、：；,!?()（）]{{1,40}}#"
    rf"|(?<![\w&#])#[{SIGNS}][\w-]{{0,40}}"
    rf"|(?<=[{SIGNS}])#[{SIGNS}][\w-]{{0,9}}(?=[\s#，。！？：、,.!?:)）]|$)"
    # which may stand right after a sign, too
    rf"|(?:(?<![A-Za-z0-9_.@/%$])|(?<=//))@(?=[{SIGNS}])[\w-]{{1,31}}(?=[\s，。！？：、,.!?:)）]|$)"
    # A face by its name, as those services write it
    rf"|\[(?:{_NAMED_FACES})\]"
    # An address goes on after signs where its own syntax does, or where they are a value or a last name before a space
    rf"|(?<![A-Za-z0-9\"'=(<])https?://[!#-;=?-~]{{1,500}}(?:{_MORE}{{1,9}}{_LAST}?|{_LAST})"
    rf"|(?<![A-Za-z])[A-Za-z]:\\(?:{_FOLDER}\\){{0,20}}{_FILE}"
    rf"|(?<![A-Za-z0-9_.~/<])~?/(?:{_FOLDER}/){{1,20}}{_FILE}"
    rf"|(?<=[“\"「《『‘'])(?=[^\s\"”」》』’']{{0,40}}[{SIGNS}])[^\s“”\"「」《》『』‘’'{_STOP}]{{1,40}}\.[a-z][a-z0-9]{{1,4}}(?=[”\"」》』’'])"
    # The plate of a car
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•]?[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
    # A face with arms of kana
    rf"|(?:(?<![A-Za-z])[oOmd]|[ヽヾ╮╰┐╭~～٩ง୧⊂づつノ\\])?[(（](?=[^()（）\n]{{0,14}}[{_EYES}])[^A-NP-SV-Za-np-tvy-z0-9()（）\n\u4e00-\u9fff]"
    r"{2,16}[)）](?:[ヽヾ╯╭╮ﾉノづつ/~～ξ۶งψゞシ彡ブ]{1,2}(?:︵ ?[┻━]{2,5})?|[oOVvbd](?![A-Za-z]))?"
)


def hidden(text: str) -> str:
    """A text of the same length without such signs."""
    return text if text.isascii() else _SIGN.sub(SIGN, _COUNTERS.sub(COUNTER, text))
