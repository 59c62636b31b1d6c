"""`hub`: problems from a data set of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from cordspec.plugin import Component, InvalidData, Problem, ProblemSource, Revision, Unavailable, hookimpl
from cordspec_std.problems.rows import RowOptions, problems

PLAIN_FORMATS: Final = ("parquet", "json", "csv")
"""Formats that hold rows and nothing that could run; a data set in others (pickles, archives, scripts) is refused."""
FETCHED: Final = ["*.parquet", "*.json", "*.jsonl", "*.json.gz", "*.jsonl.gz", "*.csv", "README.md"]
INSTALL: Final = 'pip install "cordspec[data]"'


class HubOptions(RowOptions):
    """Options of `problems NAME : hub { ... }`."""

    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="the data set's name, `owner/name`")
    subset: str = Field("", description="the data set's configuration, where it has several")
    split: str = Field("train", pattern=r"^\w+$", description="the split")
    files: str = Field(
        "",
        pattern=r"^([\w*][\w./*-]*)?$",
        description="which of its files are the split, where it does not say itself; `*` stands for any",
    )
    revision: Annotated[str, Revision()] = Field(
        "", pattern=r"^([0-9a-f]{40})?$", description="the commit of the data set; `cordspec lock` finds it"
    )


class Hub(ProblemSource[HubOptions]):
    """A revision of a public data set, read from the local cache with `datasets`.

    Only `fetch` asks the hub, and never for what is there; `HF_HUB_OFFLINE` and `HF_HUB_CACHE` are the hub's own settings.
    """

    name: ClassVar[str] = "hub"

    def load(self) -> Iterator[Problem]:
        snapshot = self._cached()
        if snapshot is None:
            raise Unavailable(
                f"{self._what} is not in the cache of this machine", f"`cordspec run` fetches it, or {self._by_hand}"
            )
        yield from problems(self._rows(snapshot), self.options, self._what)

    def fetch(self) -> None:
        cached = self._cached()
        if cached is not None and not any((cached.parents[1] / "blobs").glob("*.incomplete")):
            return
        hub = _hub()
        wanted = self.options.files
        try:
            hub.snapshot_download(
                self.options.dataset,
                repo_type="dataset",
                revision=self.options.revision or None,
                allow_patterns=[wanted, "README.md"] if wanted else FETCHED,
            )
        except Exception as error:  # httpx, the hub's own and the system's errors have no common base
            raise self._unreachable(error) from error

    def revision(self) -> str:
        """As written; else the one in the cache; else what the hub's main branch is now."""
        if self.options.revision:
            return self.options.revision
        cached = self._cached()
        if cached is not None:
            return cached.name
        try:
            return str(_hub().HfApi().dataset_info(self.options.dataset).sha)
        except Exception as error:
            raise self._unreachable(error) from error

    @property
    def _what(self) -> str:
        pinned = f" at {self.options.revision[:12]}" if self.options.revision else ""
        return f"the data set {self.options.dataset}{pinned}"

    @property
    def _by_hand(self) -> str:
        revision = f" --revision {self.options.revision}" if self.options.revision else ""
        return f"`hf download --repo-type dataset {self.options.dataset}{revision}` does, where there is a network"

    def _unreachable(self, error: Exception) -> Unavailable:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        return Unavailable(
            f"{self._what} is not in the cache of this machine, and the hub gave none: {said}", self._by_hand
        )

    def _cached(self) -> Path | None:
        """The directory of the revision in the hub's cache; its name is the commit."""
        hub = _hub()
        try:
            return Path(
                hub.snapshot_download(
                    self.options.dataset,
                    repo_type="dataset",
                    revision=self.options.revision or None,
                    local_files_only=True,
                )
            )
        except FileNotFoundError:
            return None

    def _rows(self, snapshot: Path) -> Iterator[tuple[str, object]]:
        try:
            from datasets import DownloadMode, load_dataset_builder
            from datasets.exceptions import DatasetsError
            from datasets.utils import disable_progress_bars
        except ImportError as error:
            raise Unavailable(f"data sets need {error.name}", INSTALL) from error
        disable_progress_bars()
        options = self.options
        try:
            self._refuse_strangers(snapshot)
            builder = load_dataset_builder(
                str(snapshot),
                options.subset or None,
                data_files={options.split: options.files} if options.files else None,
            )
            self._refuse_other_formats(builder)
            builder.download_and_prepare(download_mode=DownloadMode.REUSE_DATASET_IF_EXISTS)
            split = builder.as_dataset(split=options.split)
        except (DatasetsError, ValueError, FileNotFoundError) as error:
            said = " ".join(str(error).split())[:300].replace(str(snapshot), "")
            raise InvalidData(
                f"{self._what} cannot be read: {said}", "see its `subset`, `split` and `files`"
            ) from error
        for number in range(len(split)):
            yield f"{options.dataset}, {options.split}: row {number + 1}", split[number]

    def _refuse_strangers(self, snapshot: Path) -> None:
        """A data set's card may name files anywhere, addresses too, which would be opened: only its own are."""
        card = snapshot / "README.md"
        named = _texts(_hub().DatasetCard.load(card).data.to_dict().get("configs")) if card.is_file() else []
        for name in [*named, self.options.files]:
            if ":" in name or name.startswith("/") or ".." in Path(name).parts:
                raise InvalidData(f"{self._what} names a file outside of itself: {name}", "name its own with `files`")

    def _refuse_other_formats(self, builder: Any) -> None:
        if type(builder).__module__.split(".")[-1] not in PLAIN_FORMATS:
            message = f"{self._what} is in the format `{builder.name}`"
            raise InvalidData(message, f"only {', '.join(PLAIN_FORMATS)} are read")


def _texts(value: object) -> Iterator[str]:
    """All texts in a card's settings, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise Unavailable(f"the hub needs {error.name}", INSTALL) from error
    return huggingface_hub


@hookimpl
def cordspec_components() -> Iterable[type[Component]]:
    yield Hub
