"""One word for one thing in everything Chinese: sentences that explain, page of the server, README and guide."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dragoman.cli.language import FOLDER as SAID
from dragoman.explain import sentences

ROOT = Path(__file__).parents[3]
TEXTS = [
    sentences.FOLDER / "zh.toml",
    SAID / "zh.toml",
    ROOT / "src/dragoman/server/static/sentences/zh.toml",
    ROOT / "README.zh-CN.md",
    ROOT / "CONTRIBUTING.zh-CN.md",
    *sorted((ROOT / "docs").rglob("*.zh-CN.md")),
]
# What is not said -> what is said instead.
FORBIDDEN = {
    r"词元|记号(?!笔)": "token",
    r"因果 ?mask|填充 ?mask|(?<=[\u4e00-\u9fff]) ?mask ?(?=[\u4e00-\u9fff])|遮罩|遮盖|屏蔽": "掩码",
    r"记忆(?!力|库)|存储器": "memory",
    r"跳跃连接|跳连|残差链接": "残差连接",
    r"层规范化|层标准化|归一层": "层归一化",
    r"互注意力|跨注意力|交互注意力": "交叉注意力",
    r"译码器|编码机": "编码器 / 解码器",
    r"集束搜索|波束搜索": "束搜索",
    r"纳特": "nat",
    r"推断": "推理",
    r"迷惑度|复杂度困惑": "困惑度",
    r"强制教学|老师强制|导师强制": "教师强制",
}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_one_word_for_one_thing(path: Path) -> None:
    # What stands between backticks or in a fence is code, or was printed.
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    found = [(word, said) for pattern, said in FORBIDDEN.items() for word in re.findall(pattern, text)]
    assert found == []


def test_teacher_forcing_has_its_chinese_name_wherever_it_is_named() -> None:
    """Row 32: the word of the lesson stood on no Chinese screen."""
    table = sentences.table("zh")
    named = {key: said for key, said in table.items() if "teacher forcing" in said}
    assert all("教师强制" in said for said in named.values()), named
    assert "教师强制" in table["terminal.training.title"] and "教师强制" in table["clocks.training.who"]
