import argparse
import shlex
from pathlib import Path

import pytest

from tests.vae.conftest import CONFIGS
from vae.cli.arguments import add_config_arguments, command_line, config_from, given_options
from vae.config import RunConfig
from vae.errors import ConfigError


def parse(words: list[str]) -> RunConfig:
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    return config_from(parser.parse_known_args(words)[0])


@pytest.mark.parametrize("config", CONFIGS)
def test_the_command_of_a_configuration_asks_for_that_configuration(config):
    words = shlex.split(command_line(config, Path("checkpoints/a name")))
    assert words[:4] == ["python", "-m", "vae", "train"]
    assert words[-2:] == ["--run", "checkpoints/a name"]
    assert parse(words[4:]) == config


def test_without_options_it_is_the_default():
    assert parse([]) == RunConfig()


def test_widths_have_to_be_whole_numbers():
    with pytest.raises(ConfigError, match="512,256"):
        parse(["--model", "mlp", "--encoder-widths", "wide,narrow"])


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ([], []),
        (["train", "--resume", "--run", "checkpoints/mine", "--device", "cpu", "--queue", "--lengthen", "9"], []),
        (["train", "--epochs", "30", "--run", "x"], ["--epochs"]),
        (["--beta=1", "--learning-r", "1", "--start-from=a"], ["--learning-rate", "--beta", "--start-from"]),
        (["--dataset", "mnist", "--latent", "2"], ["--dataset", "--latent"]),  # though these are the defaults
    ],
)
def test_options_that_were_given_are_known(words, given):
    assert sorted(given_options(words)) == sorted(given)
