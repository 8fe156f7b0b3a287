"""Reads the prompt files beside it, all of them at once, and refuses a set that does not hold together."""

from collections.abc import Mapping
from pathlib import Path

from bot.domain.prompt import Prompt, parse
from bot.errors import ConfigError

FOLDER = Path(__file__).parent
RULES = "rules"


def load(folder: Path = FOLDER) -> Mapping[str, Prompt]:
    """Every prompt in the folder by its name, which is also its file's.

    Raises ``ConfigError`` with one line for each file that is wrong: which, what was found, what is expected.
    """
    found: dict[str, Prompt] = {}
    wrong = []
    for path in sorted(folder.glob("*.md")):
        try:
            prompt = parse(path.read_text(encoding="utf-8"), path.name)
        except UnicodeDecodeError:
            wrong.append(f"{path.name}: this is not UTF-8 text")
        except ConfigError as error:
            wrong.append(str(error))
        else:
            if prompt.name != path.stem:
                wrong.append(f"{path.name}: its name is {prompt.name}; a prompt is in the file of its name")
            found[prompt.name] = prompt
    if RULES not in found and not wrong:
        wrong.append(f"there is no {RULES}.md: the rules that stand around every other prompt")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return found
