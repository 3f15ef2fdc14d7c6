"""Well-known names, and what Chinese writes for them (simplified, traditional); elsewhere they stay what they are."""

from __future__ import annotations

# Those that small models copy best, best first.
COPIED = (
    ("Tom", "汤姆", "湯姆"),
    ("Boston", "波士顿", "波士頓"),
    ("Japan", "日本"),
    ("Mary", "玛丽", "瑪麗", "玛莉"),
    ("Australia", "澳大利亚", "澳洲", "澳大利亞"),
    ("John", "约翰", "約翰"),
    ("Paris", "巴黎"),
    ("Canada", "加拿大"),
    ("London", "伦敦", "倫敦"),
)
NAMES = (
    *COPIED,
    ("Alice", "爱丽丝", "愛麗絲"),
    ("Bob", "鲍勃", "鮑勃"),
    ("Jack", "杰克", "傑克"),
    ("Jim", "吉姆"),
    ("Peter", "彼得"),
    ("Beijing", "北京"),
    ("Berlin", "柏林"),
    ("Germany", "德国", "德國"),
    ("New York", "纽约", "紐約"),
    ("Shanghai", "上海"),
    ("Tokyo", "东京", "東京"),
)
