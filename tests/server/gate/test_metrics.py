"""The numbers, in the format that Prometheus reads."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from dragoman.server.gate.metrics import Metrics

LINE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? [0-9.e+-]+')


def test_counters_add_up_by_label() -> None:
    metrics = Metrics()
    metrics.count("dragoman_requests_total", route="/a", status="200")
    metrics.count("dragoman_requests_total", 2, status="200", route="/a")
    metrics.count("dragoman_requests_total", route='"\\\n', status="404")
    metrics.count("dragoman_characters_total", 12_345_678)
    text = metrics.text()
    assert 'dragoman_requests_total{route="/a",status="200"} 3\n' in text
    assert r'dragoman_requests_total{route="\"\\\n",status="404"} 1' in text
    assert "dragoman_characters_total 12345678\n" in text


def test_histograms_are_cumulative() -> None:
    metrics = Metrics()
    for value in (1, 2, 3, 1000):
        metrics.observe("dragoman_batch_sentences", value)
    text = metrics.text()
    for bound, count in (("1", 1), ("2", 2), ("4", 3), ("128", 3), ("+Inf", 4)):
        assert f'dragoman_batch_sentences_bucket{{le="{bound}"}} {count}\n' in text
    assert "dragoman_batch_sentences_sum 1006\n" in text
    assert "dragoman_batch_sentences_count 4\n" in text


def test_a_name_that_is_not_declared_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError):
        Metrics().count("typo")


def test_the_service_tells_them(client: TestClient) -> None:
    client.get("/health")
    client.get("/secret-address")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'dragoman_requests_total{route="/health",status="200"}' in response.text
    assert "secret-address" not in response.text
    for line in response.text.splitlines():
        assert line.startswith("# ") or LINE.fullmatch(line), line
