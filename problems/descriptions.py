"""Problems inside of others, as data: `{"name": ..., "options": {...}}`."""

from typing import Any

from problems import catalogue, get
from problems.problem import Problem


def build(description: Any, data_dir: str | None, download: bool) -> Problem:
    """The problem of a description; where its data is may be said by its own options too.

    Whether data may be downloaded is for `download` alone to say: a description may come with somebody's optimizer.

    Raises:
      ValueError: something else than a description; see also `problems.get`.
    """
    if not catalogue.is_description(description):
        raise catalogue.no_description(description)
    name, options = catalogue.find(description["name"], warn=True), dict(description.get("options", {}))
    if name in catalogue.CATALOGUE and "data_dir" in catalogue.CATALOGUE[name].options:
        options["data_dir"] = data_dir or options.get("data_dir")
        options["download"] = download
    return get(name, **options)
