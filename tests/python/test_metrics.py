"""What Prometheus makes of the figures: read by the parsers of its own client."""

import urllib.request

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

FORMATS = {
    "text/plain": parser.text_string_to_metric_families,
    "application/openmetrics-text": openmetrics.text_string_to_metric_families,
}


@pytest.mark.parametrize("accept", FORMATS)
def test_the_parsers_of_prometheus_read_every_family(daemon, accept):
    request = urllib.request.Request(f"{daemon.url}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"].startswith(accept)
        families = {family.name: family for family in FORMATS[accept](answer.read().decode())}
    assert len(families) > 30
    for family in families.values():
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        assert family.documentation.endswith("."), family.name
    # The parsers leave `_total` out of a counter's name.
    assert families["chatd_events"].type == "counter"
    buckets = [s.value for s in families["chatd_store_commit_seconds"].samples if s.name.endswith("_bucket")]
    count = next(s.value for s in families["chatd_store_commit_seconds"].samples if s.name.endswith("_count"))
    assert buckets == sorted(buckets) and buckets[-1] == count
