"""What the command line's tests share."""

import json

import pytest

from app import cli


@pytest.fixture
def vernier(capsys):
    """Runs a command; its exit status and its JSON."""
    def call(*words):
        status = cli.main([str(word) for word in words])
        return status, json.loads(capsys.readouterr().out)
    return call
