"""The JSON Schema of the configuration: what editors make of it is what the daemon makes of it."""

import json
import pathlib
import re
import subprocess
import tomllib

import jsonschema
import pytest
from conftest import ROOT, binary

SHIPPED = (ROOT / "config.toml").read_text()


@pytest.fixture(scope="module")
def schema():
    chatctl = pathlib.Path(binary()).with_name("chatctl")
    printed = subprocess.run([chatctl, "config", "schema"], check=True, capture_output=True, text=True).stdout
    schema = json.loads(printed)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def complaints(schema, text):
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(tomllib.loads(text))]


def daemon_takes(text, directory):
    file = directory / "config.toml"
    file.write_text(text)
    return subprocess.run([binary(), "--check", "--config", file], capture_output=True).returncode == 0


def test_the_shipped_file_is_valid_and_names_its_schema(schema):
    assert SHIPPED.startswith("#:schema file:///usr/share/chatd/config.schema.json\n")
    assert complaints(schema, SHIPPED) == []


def test_every_key_of_the_shipped_file_is_in_it_with_its_default(schema):
    shown = tomllib.loads(re.sub(r"^# (\[\[[a-z.]+\]\]$|[a-z0-9_]+ = )", r"\1", SHIPPED, flags=re.M))
    assert list(schema.iter_errors(shown)) == []
    keys = 0

    def compare(properties, table):
        nonlocal keys
        assert properties.keys() == table.keys()
        for name, value in table.items():
            if properties[name].get("additionalProperties") is False:
                compare(properties[name]["properties"], value)
            elif "properties" in properties[name].get("items", {}):
                # Of the entries of an array the file shows one.
                assert properties[name]["description"].endswith(".")
                compare(properties[name]["items"]["properties"], value[0])
            else:
                keys += 1
                assert properties[name]["description"].endswith(".")
                # `enabled = []` is the one that the shipped file sets.
                assert properties[name].get("default", value) == value

    compare(schema.schema["properties"], shown)
    assert keys > 90


@pytest.mark.parametrize(
    "text",
    [
        "limits.burst = 30",
        "ping.interval = 30",
        'ping.interval = "1m 30s"',
        'limits.max_payload = "2 MiB"',
        'messages.retention = "90d"',
        'messages.retention = "forever"',
        'plugins.on_error = { on_message = "hold" }',
        'plugins.config.welcome = { text = "hi", times = 3 }',
        "admin.allow_uids = [1000]",
        'webhooks = [{ url = "https://a.example/", secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" }]',
    ],
)
def test_what_the_daemon_takes_is_valid(schema, tmp_path, text):
    assert complaints(schema, text) == []
    assert daemon_takes(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "limits.brust = 30",
        "limts.burst = 30",
        'limits.burst = "30"',
        "limits.burst = 0",
        "compression.level = 10",
        'ping.interval = "soon"',
        "ping.interval = 3601",
        'limits.max_payload = "1 potato"',
        "messages.retention = 90",
        'log.level = "loud"',
        "server.listen = []",
        'transports.allow = ["websocket", "websocket"]',
        'plugins.on_error = { on_massage = "hold" }',
        "admin.allow_uids = [-1]",
        'webhooks = [{ url = "https://a.example/", timeot = "1s" }]',
        'webhooks = { url = "https://a.example/" }',
    ],
)
def test_what_the_daemon_refuses_is_not(schema, tmp_path, text):
    assert complaints(schema, text) != []
    assert not daemon_takes(text, tmp_path)
